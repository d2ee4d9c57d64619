import { Type, type Static, type TNull, type TSchema, type TString, type TUnion, type TUnsafe } from 'typebox';
import { amountPattern } from '../ledger/money.js';
import { transactionStatuses, transactionTypes } from '../ledger/transaction.js';
import { tokenStatuses } from '../queries/tokens.js';

/** JSON schemas that more than one route uses. Objects are closed: a field that nobody knows is an error. */
export const closed = { additionalProperties: false } as const;

export const Amount = Type.String({
  pattern: amountPattern,
  description: 'A positive integer of minor units, as a string: "1250" is 12.50',
  examples: ['1250'],
});
export const AmountOut = Type.String({ pattern: '^-?[0-9]+$', description: 'Minor units, as a string' });
export const Id = Type.String({ format: 'uuid' });
export const Time = Type.String({ format: 'date-time', description: 'ISO 8601, UTC, milliseconds' });
export const Currency = Type.String({ pattern: '^[A-Z]{3}$', examples: ['EUR'] });

/**
 * Text that is stored as it was sent. A NUL and half a surrogate pair are refused: the one is no text to PostgreSQL, the other none in
 * UTF-8, so it would be read back as something else.
 */
export const Text = (options: { minLength?: number; maxLength: number; description?: string }): TString =>
  Type.String({ ...options, pattern: textPattern });
export const textPattern = '^[^\\u0000\\ud800-\\udfff]*$';

/** One of a few words. */
export const words = <Word extends string>(values: readonly Word[], options: object = {}): TUnsafe<Word> =>
  Type.Unsafe<Word>({ type: 'string', enum: [...values], ...options });

export const TransactionTypeSchema = words(transactionTypes);
export const TransactionStatusSchema = words(transactionStatuses);
export const TokenStatusSchema = words(tokenStatuses);

export const nullable = <Schema extends TSchema>(schema: Schema): TUnion<[Schema, TNull]> =>
  Type.Union([schema, Type.Null()]);

export const TransactionSchema = Type.Object(
  {
    id: Id,
    type: TransactionTypeSchema,
    status: TransactionStatusSchema,
    senderId: nullable(Id),
    receiverId: nullable(Id),
    amount: AmountOut,
    currency: Currency,
    note: nullable(Type.String()),
    createdAt: Time,
    completedAt: nullable(Time),
    metadata: nullable(Type.Record(Type.String(), Type.Unknown())),
  },
  { title: 'Transaction' },
);

export const TokenSchema = Type.Object(
  {
    id: Id,
    amount: AmountOut,
    currency: Currency,
    status: TokenStatusSchema,
    keyId: Type.String(),
    issuedAt: Time,
    expiresAt: Time,
    token: Type.String({ description: 'The signed compact form that a device keeps' }),
  },
  { title: 'Token' },
);

export const BalanceSchema = Type.Object(
  {
    userId: Id,
    currency: Currency,
    available: AmountOut,
    offline: AmountOut,
    pending: AmountOut,
    total: AmountOut,
    version: Type.Integer(),
    asOf: Time,
  },
  { title: 'Balance' },
);

export type PresentedBalance = Static<typeof BalanceSchema>;
export type PresentedTransaction = Static<typeof TransactionSchema>;
export type PresentedToken = Static<typeof TokenSchema>;

export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String(),
    errors: Type.Optional(Type.Array(Type.Object({ path: Type.String(), message: Type.String() }))),
  },
  { title: 'Problem' },
);

/** What the document says of an operation's problems; they are written by the error handler, not by these schemas. */
export function problems(...statuses: number[]): Record<string, unknown> {
  return Object.fromEntries(
    statuses.map((status) => [
      status,
      { description: 'A problem', content: { 'application/problem+json': { schema: ProblemSchema } } },
    ]),
  );
}

export const idempotencyHeaders = {
  type: 'object',
  properties: { 'idempotency-key': { type: 'string', description: 'Required: 1 to 255 visible ASCII characters' } },
} as const;

/** For calls that say all in their path: nothing, or an empty object. */
export const NoBody = Type.Unsafe<Record<string, never> | null>({
  type: ['object', 'null'],
  properties: {},
  additionalProperties: false,
});

export const bearer = [{ bearer: [] }];
