import { expect, it } from 'vitest';
import { workingSettings } from '../src/settings.js';

const GIB = 1024 ** 3;

it.each([
  [GIB / 4, '128MB'],
  [2 * GIB, '512MB'],
  [64 * GIB, '1024MB'],
])('of %d bytes of memory the pages get a quarter, within bounds', (memoryBytes, shared) => {
  expect(workingSettings(memoryBytes)).toMatchObject({ shared_buffers: shared });
});

it('without a number the machine’s own memory counts, however large a limit the system states', () => {
  expect(workingSettings()['shared_buffers']).toMatch(/^\d{3,4}MB$/);
});
