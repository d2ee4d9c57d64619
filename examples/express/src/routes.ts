import type { CacheService } from '@dunlin/cache';
import { responseCache, type ResponseCacheLocals } from '@dunlin/cache/express';
import express, { Router, type Response } from 'express';
import { cardPolicy, parseCardId, productsPolicy } from './cached-answers.js';
import type { ChargeOutcome, GiftCard, GiftCards } from './gift-cards.js';
import type { Product, Products } from './products.js';

const largestPage = 100;

/** The shop's routes. What the cache added to them: two middlewares, and one line that states an answer's version. */
export function shopRoutes(cache: CacheService, products: Products, giftCards: GiftCards): Router {
  const router = Router();
  router.use(express.json({ limit: '10kb' }));

  router.get('/products', responseCache(cache, productsPolicy), async (request, response) => {
    const after = wholeNumber(request.query['after'] ?? '0');
    const limit = wholeNumber(request.query['limit'] ?? '20');
    if (after === undefined || limit === undefined || limit < 1n || limit > BigInt(largestPage)) {
      return refuse(response, 400, 'invalid_request', `after: a whole number; limit: 1 to ${largestPage}`);
    }
    response.json({ products: (await products.list(after, Number(limit))).map(shownProduct) });
  });

  router.post('/products', async (request, response) => {
    const { name, priceMinor } = fieldsOf(request.body);
    const price = wholeNumber(priceMinor);
    if (typeof name !== 'string' || name.length < 1 || name.length > 200 || price === undefined) {
      return refuse(response, 400, 'invalid_request', 'name: 1 to 200 characters; priceMinor: digits in a string');
    }
    response.status(201).json(shownProduct(await products.add(name, price)));
  });

  router.post('/gift-cards', async (request, response) => {
    const amount = wholeNumber(fieldsOf(request.body)['amountMinor']);
    if (amount === undefined) return refuse(response, 400, 'invalid_request', 'amountMinor: digits in a string');
    response.status(201).json(shownCard(await giftCards.issue(amount)));
  });

  router.get('/gift-cards/:id', responseCache(cache, cardPolicy), async (request, response) => {
    const id = parseCardId(request.params['id']);
    const card = id === undefined ? undefined : await giftCards.find(id);
    if (!card) return refuse(response, 404, 'unknown_card', 'no such gift card');
    (response.locals as ResponseCacheLocals).cacheVersion = Number(card.version);
    response.json(shownCard(card));
  });

  router.post('/gift-cards/:id/charges', async (request, response) => {
    const id = parseCardId(request.params['id']);
    const amount = wholeNumber(fieldsOf(request.body)['amountMinor']);
    if (amount === undefined || amount === 0n) {
      return refuse(response, 400, 'invalid_request', 'amountMinor: digits in a string, above 0');
    }
    const outcome = id === undefined ? ({ kind: 'unknown_card' } as const) : await giftCards.charge(id, amount);
    answerCharge(response, outcome);
  });
  return router;
}

function answerCharge(response: Response, outcome: ChargeOutcome): void {
  switch (outcome.kind) {
    case 'charged':
      response.status(201).json(shownCard(outcome.card));
      return;
    case 'insufficient_balance':
      refuse(response, 422, outcome.kind, 'the card holds less than that');
      return;
    case 'unknown_card':
      refuse(response, 404, outcome.kind, 'no such gift card');
  }
}

/** An RFC 9457 problem. */
export function refuse(response: Response, status: number, code: string, detail: string): void {
  response
    .status(status)
    .type('application/problem+json')
    .send(JSON.stringify({ title: code, status, code, detail }));
}

/** Money leaves as strings: a JSON number cannot hold every bigint. */
function shownCard({ id, balanceMinor, version }: GiftCard): Record<string, string | number> {
  return { id, balanceMinor: String(balanceMinor), version: Number(version) };
}

function shownProduct({ id, name, priceMinor }: Product): Record<string, string> {
  return { id: String(id), name, priceMinor: String(priceMinor) };
}

function fieldsOf(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
}

function wholeNumber(value: unknown): bigint | undefined {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? BigInt(value) : undefined;
}
