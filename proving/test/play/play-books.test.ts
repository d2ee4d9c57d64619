import { describe, expect, it } from 'vitest';
import type { Move, MoveKind } from '../../src/play/move.js';
import { openingDeposit, type Person } from '../../src/play/person.js';
import { PlayBooks } from '../../src/play/play-books.js';
import { newDevice } from '../../src/play/device.js';

const person = (id: string): Person => ({ id, device: newDevice(), accessToken: '', refreshToken: '', expiresAtMs: 0 });
const [ada, bob, eve] = ['ada', 'bob', 'eve'].map(person) as [Person, Person, Person];

function after(...steps: [kind: MoveKind, by: Person, answer: object, passed?: Move['passed']][]) {
  const books = new PlayBooks([ada, bob, eve]);
  for (const [kind, by, answer, passed] of steps) {
    const move: Move = {
      kind,
      route: '',
      path: '',
      body: {},
      by,
      key: '',
      ...(passed === undefined ? {} : { passed }),
    };
    books.acknowledge(move, { status: 200, text: JSON.stringify(answer), replayed: false });
  }
  return Object.fromEntries(
    books
      .all()
      .map(({ userId, version, available, offline, pending }) => [
        userId,
        [version, Number(available - openingDeposit), Number(offline), Number(pending)],
      ]),
  );
}

const between = (senderId: string | null, receiverId: string | null, amount: string) => ({
  senderId,
  receiverId,
  amount,
});

describe('the books of a run', () => {
  it('follow money in every way it moves', () => {
    expect(after(['transfer', ada, between('ada', 'bob', '5')])).toMatchObject({
      ada: [2, -5, 0, 0],
      bob: [2, 5, 0, 0],
    });
    expect(after(['hold', ada, between('ada', 'bob', '5')])).toMatchObject({ ada: [2, -5, 0, 5], bob: [1, 0, 0, 0] });
    expect(after(['capture', bob, between('ada', 'bob', '5')])).toMatchObject({
      ada: [2, 0, 0, -5],
      bob: [2, 5, 0, 0],
    });
    expect(after(['release', bob, between('ada', 'bob', '5')])).toMatchObject({
      ada: [2, 5, 0, -5],
      bob: [1, 0, 0, 0],
    });
    expect(after(['deposit', eve, between(null, 'bob', '5')])).toMatchObject({ bob: [2, 5, 0, 0] });
    expect(after(['withdraw', eve, between('bob', null, '5')])).toMatchObject({ bob: [2, -5, 0, 0] });
    expect(after(['buy', ada, { transaction: between('ada', null, '5'), tokens: [] }])).toMatchObject({
      ada: [2, -5, 5, 0],
    });
    expect(after(['redeem', ada, { transaction: between(null, 'ada', '5') }])).toMatchObject({ ada: [2, 5, -5, 0] });
    expect(after(['divide', ada, { parentId: '', tokens: [] }])).toMatchObject({ ada: [1, 0, 0, 0] });
  });

  it('follow tokens over two hops to whoever brings them in, and leave out what was not accepted', () => {
    const passed = [
      { fromId: 'ada', toId: 'bob', amountMinor: 7n },
      { fromId: 'bob', toId: 'eve', amountMinor: 7n },
      { fromId: 'ada', toId: 'eve', amountMinor: 100n },
    ];
    const answer = {
      results: [
        { index: 0, status: 'accepted' },
        { index: 1, status: 'accepted' },
        { index: 2, status: 'rejected', code: 'double_spend' },
      ],
      redemption: { amount: '7' },
    };
    expect(after(['sync', eve, answer, passed])).toEqual({ ada: [2, 0, -7, 0], bob: [2, 0, 0, 0], eve: [2, 7, 0, 0] });
  });
});
