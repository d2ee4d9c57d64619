import { describe, expect, it } from 'vitest';
import { parseEmail } from '../../src/accounts/email.js';

describe('parseEmail', () => {
  it.each([
    ['ada@example.org', 'ada@example.org'],
    ['  Ada.Lovelace+dunlin@Example.ORG ', 'ada.lovelace+dunlin@example.org'],
    ['operator@localhost', 'operator@localhost'],
    ["o'brien@mail.example.co.uk", "o'brien@mail.example.co.uk"],
    ['ada@bücher.example', 'ada@xn--bcher-kva.example'],
    [`${'a'.repeat(64)}@example.org`, `${'a'.repeat(64)}@example.org`],
  ])('reads %j', (text, email) => {
    expect(parseEmail(text)).toEqual({ kind: 'ok', email });
  });

  it.each([
    '',
    '@',
    'ada',
    'ada@',
    '@example.org',
    'ada@mailhost',
    'ada@example..org',
    'ada@-example.org',
    'ada@127.0.0.1',
    'ada@example.org.',
    'a da@example.org',
    'ada..b@example.org',
    '.ada@example.org',
    'ada@exam ple.org',
    'ada\n@example.org',
    'ada@example.org\0',
    'аda@example.org',
    '"ada"@example.org',
    'Ada <ada@example.org>',
    'ada@evil@example.org',
    `${'a'.repeat(65)}@example.org`,
    `ada@${'a'.repeat(64)}.org`,
    `ada@${'abcdefgh.'.repeat(30)}org`,
  ])('refuses %j', (text) => {
    expect(parseEmail(text)).toMatchObject({ kind: 'invalid' });
  });
});
