import type { FromWorker, ToWorker } from './worker.js';

/** What a worker's module does with requests. */
export interface Session<Request> {
  answer(request: Request): Promise<unknown>;
  close(): Promise<void>;
}

/** Makes this process a worker: opens once with the settings, then answers one request at a time until the channel closes. */
export function serveWorker<Settings, Request>(open: (settings: Settings) => Promise<Session<Request>>): void {
  let session: Session<Request> | undefined;
  const handle = async (message: ToWorker): Promise<unknown> => {
    if (message.kind === 'open') {
      session = await open(message.settings as Settings);
      return undefined;
    }
    if (!session) throw new Error('asked before it was opened');
    return session.answer(message.request as Request);
  };
  const reply = (answer: FromWorker): void => void process.send?.(answer);
  process.on('message', (message) => {
    handle(message as ToWorker).then(
      (given) => reply({ kind: 'reply', reply: given }),
      (error: unknown) =>
        reply({ kind: 'failed', reason: error instanceof Error ? (error.stack ?? error.message) : String(error) }),
    );
  });
  // The parent takes the signals of the terminal and closes the channel.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  process.once('disconnect', () => {
    void (session?.close() ?? Promise.resolve()).catch(() => undefined).then(() => process.exit(0));
  });
}
