import { v7 as uuidv7 } from 'uuid';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newDeviceKey, startAccountApi, type AccountApi } from '../support/account-api.js';

describe('what a user holds and may do', () => {
  let api: AccountApi;
  let call: AccountApi['call'];
  let register: AccountApi['register'];
  beforeEach(async () => {
    api = await startAccountApi();
    ({ call, register } = api);
  });
  afterEach(() => api.close());

  describe('devices', () => {
    it('are added, found in the feed, and revoked for good', async () => {
      const { accessToken: token, user } = await register('ada@example.org');
      const devicePublicKey = newDeviceKey();
      const added = await call('POST', '/users/me/devices', { token, body: { devicePublicKey } });
      expect(added).toMatchObject({ status: 201, body: { jwk: devicePublicKey } });
      expect(await call('POST', '/users/me/devices', { token, body: { devicePublicKey } })).toEqual({
        ...added,
        headers: expect.anything() as object,
      });
      expect((await call('GET', '/users/me', { token })).body.devicePublicKey).toEqual(devicePublicKey);

      const url = `/users/me/devices/${String(added.body.id)}`;
      const stranger = await register('bo@example.org');
      expect(await call('DELETE', url, { token: stranger.accessToken })).toMatchObject({
        status: 404,
        body: { code: 'device_not_found' },
      });
      expect((await call('DELETE', url, { token })).status).toBe(204);
      expect((await call('DELETE', url, { token })).status).toBe(204);
      expect((await call('GET', '/users/me', { token })).body.devicePublicKey).toBeNull();
      const { body } = await call('GET', `/public-keys/${user.id}`, { token });
      expect(body.keys).toMatchObject([
        { id: added.body.id, isActive: false, revokedAt: expect.any(String) as string },
      ]);
      for (const who of [token, stranger.accessToken]) {
        expect(await call('POST', '/users/me/devices', { token: who, body: { devicePublicKey } })).toMatchObject({
          status: 409,
          body: { code: 'device_key_taken' },
        });
      }
    });

    it('are limited in number, however many are added at once', async () => {
      const { accessToken: token } = await register('ada@example.org');
      const answers = await Promise.all(
        Array.from({ length: 25 }, () =>
          call('POST', '/users/me/devices', { token, body: { devicePublicKey: newDeviceKey() } }),
        ),
      );
      expect(answers.filter(({ status }) => status === 201)).toHaveLength(20);
      expect(answers.filter(({ body }) => body.code === 'too_many_devices')).toHaveLength(5);
    });

    it('are refused by the place of what is wrong', async () => {
      const { accessToken: token } = await register('ada@example.org');
      const body = { devicePublicKey: { ...newDeviceKey(), crv: 'Ed448' } };
      expect(await call('POST', '/users/me/devices', { token, body })).toMatchObject({
        status: 400,
        body: { errors: [{ path: '/devicePublicKey/crv' }] },
      });
      expect((await call('DELETE', '/users/me/devices/x', { token })).status).toBe(400);
    });
  });

  describe('standing', () => {
    it('is changed by operators only, told before the answer, and reaches the ledger account', async () => {
      const ada = await register('ada@example.org');
      const ops = await register('ops@example.org');
      expect((await call('POST', `/admin/users/${ada.user.id}/freeze`, { token: ops.accessToken })).status).toBe(403);
      await api.database.query(`update users set role = 'operator' where id = $1`, [ops.user.id]);
      const change = (what: string, id = ada.user.id) =>
        call('POST', `/admin/users/${id}/${what}`, { token: ops.accessToken });
      const state = async (): Promise<unknown> =>
        (await api.database.query<{ state: string }>('select state from accounts where id = $1', [ada.user.id])).rows[0]
          ?.state;

      const frozen = await change('freeze');
      expect(frozen).toMatchObject({
        status: 200,
        body: { id: ada.user.id, isActive: true, frozenAt: expect.any(String) as string },
      });
      expect((await change('freeze')).body).toEqual(frozen.body);
      expect(await state()).toBe('frozen');
      expect((await call('GET', '/users/me', { token: ada.accessToken })).status).toBe(200);
      expect((await change('unfreeze')).body.frozenAt).toBeNull();
      expect(await state()).toBe('open');
      expect((await change('deactivate')).body.isActive).toBe(false);
      expect(await state()).toBe('closed');
      expect(await call('GET', '/users/me', { token: ada.accessToken })).toMatchObject({
        status: 401,
        body: { code: 'account_deactivated' },
      });
      expect(api.told).toEqual(Array<string>(4).fill(ada.user.id));

      for (const own of [ops.user.id, ops.user.id.toUpperCase()]) {
        expect(await change('deactivate', own)).toMatchObject({ status: 409, body: { code: 'own_account' } });
      }
      expect(await change('freeze', uuidv7())).toMatchObject({ status: 404, body: { code: 'user_not_found' } });
      expect(api.told).toHaveLength(4);
    });
  });
});
