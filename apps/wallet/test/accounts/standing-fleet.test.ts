import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTwoApps, type RunningApp } from '../support/app.js';
import { expectWithin } from '../support/expect-within.js';

describe('a change of standing, with two instances that have the user in memory', () => {
  let first: RunningApp;
  let second: RunningApp;
  let close: () => Promise<void>;
  beforeAll(async () => {
    ({ first, second, close } = await startTwoApps());
  });
  afterAll(() => close?.());

  it('holds on both as soon as it is acknowledged', async () => {
    for (let round = 0; round < 5; round += 1) {
      const user = await first.newUser();
      const clients = [first, second].map((instance) => instance.http.with(user.session.accessToken));
      for (const client of clients) expect((await client.call('GET', '/users/me')).status).toBe(200);
      const path = `/admin/users/${user.id}/deactivate`;
      expect((await first.operator.call('POST', path)).status).toBe(200);
      for (const client of clients) {
        const refused = await client.call('GET', '/users/me');
        expect(refused.status).toBe(401);
        expect(refused.body).toMatchObject({ code: 'account_deactivated' });
      }
    }
  });

  it('lets a frozen user read, and stops its money on both', async () => {
    const [user, receiver] = [await first.fundedUser('1000'), await first.newUser()];
    expect((await first.operator.call('POST', `/admin/users/${user.id}/freeze`)).status).toBe(200);
    const pay = (instance: RunningApp) =>
      instance.http.with(user.session.accessToken).call('POST', '/wallet/transfers', {
        body: { receiverId: receiver.id, amount: '1' },
        key: randomUUID(),
      });
    for (const instance of [first, second]) {
      const refused = await pay(instance);
      expect(refused.status).toBe(403);
      expect(refused.body).toMatchObject({ code: 'account_frozen' });
      expect((await instance.http.with(user.session.accessToken).balance()).available).toBe('1000');
    }
    expect((await first.operator.call('POST', `/admin/users/${user.id}/unfreeze`)).status).toBe(200);
    expect((await pay(second)).status).toBe(201);
  });

  it('a new or revoked device key shows on both within two seconds, though the list is cached', async () => {
    const user = await first.newUser();
    const mine = async (instance: RunningApp): Promise<boolean[]> => {
      const { body } = await instance.http.with(user.session.accessToken).call('GET', `/public-keys/${user.id}`);
      return (body.keys as { isActive: boolean }[]).map((key) => key.isActive);
    };
    for (const instance of [first, second]) expect(await mine(instance)).toEqual([]);
    const devicePublicKey = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
    const added = await user.http.call('POST', '/users/me/devices', { body: { devicePublicKey } });
    expect(added.status).toBe(201);
    for (const instance of [first, second]) await expectWithin(2_000, () => mine(instance), [true]);
    expect((await user.http.call('DELETE', `/users/me/devices/${String(added.body.id)}`)).status).toBe(204);
    for (const instance of [first, second]) await expectWithin(2_000, () => mine(instance), [false]);
  });
});
