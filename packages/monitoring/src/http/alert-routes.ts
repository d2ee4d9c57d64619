import type { FastifyInstance } from 'fastify';
import type { Alert } from '../alerts/alert.js';
import type { AlertOutcome } from '../alerts/shared-alerts.js';
import { invalid, parseFlag, parseObject } from './input.js';
import type { RouteContext } from './route-context.js';
import { HttpProblem } from './problem.js';
import {
  alertSchema,
  anything,
  integer,
  list,
  object,
  ruleSchema,
  string,
  thresholdPatchSchema,
  thresholdsSchema,
} from './schemas.js';

function answer(outcome: AlertOutcome): Alert {
  switch (outcome.kind) {
    case 'done':
      return outcome.alert;
    case 'not_found':
      throw new HttpProblem({ status: 404, code: 'alert_not_found', detail: 'There is no such alert.' });
    case 'already_resolved':
      throw new HttpProblem({ status: 409, code: 'alert_already_resolved', detail: 'The alert is resolved already.' });
  }
}

/** Alerts, mutes, thresholds, rules and channels. */
export function alertRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, forOperators, actorOf } = context;

  fastify.get(
    '/performance/alerts',
    forOperators('Alerts', { response: { 200: object({ data: list(alertSchema), count: integer }) } }),
    async (request) => {
      const alerts = monitor.getAlerts({ includeResolved: parseFlag(request.query, 'includeResolved') });
      return { data: alerts, count: alerts.length };
    },
  );

  fastify.post<{ Params: { id: string } }>(
    '/performance/alerts/:id/resolve',
    forOperators('End an alert by hand', { response: { 200: alertSchema } }),
    async (request) => answer(await monitor.resolveAlert(request.params.id, actorOf(request))),
  );

  fastify.post<{ Params: { id: string } }>(
    '/performance/alerts/:id/acknowledge',
    forOperators('Somebody looks after it: no reminders', { response: { 200: alertSchema } }),
    async (request) => answer(await monitor.acknowledgeAlert(request.params.id, actorOf(request))),
  );

  fastify.get('/performance/mutes', forOperators('Mutes in force'), async () => ({
    data: monitor.getMutes(),
  }));

  fastify.post('/performance/mutes', forOperators('Silence for a time', { body: anything }), async (request, reply) => {
    const body = parseObject(request.body);
    for (const name of Object.keys(body))
      if (!['type', 'minutes', 'reason'].includes(name)) throw invalid(`/body/${name}`, 'is no part of a mute');
    const { type, minutes, reason } = body as { type?: string; minutes: number; reason: string };
    const mute = await monitor.mute({
      ...(type === undefined ? {} : { type }),
      minutes,
      reason,
      by: actorOf(request),
    });
    return reply.code(201).send(mute);
  });

  fastify.delete<{ Params: { id: string } }>(
    '/performance/mutes/:id',
    forOperators('End a mute'),
    async (request, reply) => {
      if (await monitor.unmute(request.params.id)) return reply.code(204).send();
      throw new HttpProblem({ status: 404, code: 'mute_not_found', detail: 'There is no such mute.' });
    },
  );

  fastify.get(
    '/performance/thresholds',
    forOperators('Alert thresholds', { response: { 200: thresholdsSchema } }),
    async () => monitor.getThresholds(),
  );

  fastify.get(
    '/performance/thresholds/advice',
    forOperators('Thresholds that history would have liked better'),
    async () => ({
      data: await monitor.adviseThresholds(),
    }),
  );

  fastify.put(
    '/performance/thresholds',
    forOperators('Change some thresholds', { body: thresholdPatchSchema, response: { 200: thresholdsSchema } }),
    async (request) => monitor.updateThresholds(parseObject(request.body), actorOf(request)),
  );

  changeRoutes(fastify, context);
  ruleRoutes(fastify, context);
  channelRoutes(fastify, context);
}

function changeRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, forOperators, actorOf } = context;
  fastify.get(
    '/performance/changes',
    forOperators('Deployments and what operators changed, newest first'),
    async () => ({
      data: monitor.getChanges(),
    }),
  );

  fastify.post(
    '/performance/deployments',
    forOperators('Tell of a deployment', { body: object({ version: string }) }),
    async (request, reply) => {
      const { version, ...others } = parseObject(request.body);
      for (const name of Object.keys(others)) throw invalid(`/body/${name}`, 'is no part of a deployment');
      return reply.code(201).send(await monitor.markDeployment(version as string, actorOf(request)));
    },
  );
}

function ruleRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, forOperators, actorOf } = context;
  fastify.get('/performance/rules', forOperators('User-defined rules'), async () => ({ data: monitor.getRules() }));

  fastify.post(
    '/performance/rules',
    forOperators('Add or replace a rule', { body: ruleSchema, response: { 201: ruleSchema } }),
    async (request, reply) => reply.code(201).send(await monitor.putRule(request.body, actorOf(request))),
  );

  fastify.delete<{ Params: { name: string } }>(
    '/performance/rules/:name',
    forOperators('Remove a rule and end its alert'),
    async (request, reply) => {
      if (await monitor.removeRule(request.params.name, actorOf(request))) return reply.code(204).send();
      throw new HttpProblem({ status: 404, code: 'rule_not_found', detail: 'There is no rule of that name.' });
    },
  );
}

function channelRoutes(fastify: FastifyInstance, context: RouteContext): void {
  const { monitor, forOperators } = context;
  fastify.get('/performance/channels', forOperators('Alert channels and how they do'), async () => ({
    data: monitor.getChannels(),
  }));

  fastify.post<{ Params: { name: string } }>(
    '/performance/channels/:name/test',
    forOperators('Send a test notification'),
    async (request, reply) => {
      const outcome = await monitor.testChannel(request.params.name);
      if (outcome.kind === 'not_found')
        throw new HttpProblem({ status: 404, code: 'channel_not_found', detail: 'There is no channel of that name.' });
      return reply
        .code(202)
        .send(outcome.kind === 'delivered' ? { outcome: 'delivered' } : { outcome: 'failed', reason: outcome.reason });
    },
  );
}
