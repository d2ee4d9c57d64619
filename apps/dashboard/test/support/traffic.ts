import type { RunningApp, RunningUser } from '../../../wallet/test/support/app.js';

/** People who look at their balance, read their history and pay each other, until they are told to stop. */
export function startTraffic(app: RunningApp, users: readonly RunningUser[]): { stop(): Promise<void> } {
  let running = true;
  const life = async (user: RunningUser, place: number): Promise<void> => {
    for (let turn = 0; running; turn += 1) {
      await user.http.get('/wallet/balance');
      await user.http.get('/wallet/transactions');
      const receiver = users[(place + 1) % users.length]!;
      if (turn % 3 === 0) await user.http.post('/wallet/transfers', { receiverId: receiver.id, amount: '7' });
      if (turn % 10 === 0) await app.http.get('/nothing/here');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const lives = users.map(life);
  return {
    async stop() {
      running = false;
      await Promise.all(lives);
    },
  };
}
