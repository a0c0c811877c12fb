import { expect, test } from 'vitest';
import { ORDERED, TOPOLOGY } from '../../test/support/topology.ts';
import { checkCapabilities } from './capabilities.ts';

test('a topic that asks for order is refused by a carrier that keeps none', () => {
  const carrier = { name: 'pigeons', capabilities: new Set<never>() };
  expect(() => checkCapabilities(carrier, TOPOLOGY)).not.toThrow();
  expect(() =>
    checkCapabilities({ name: 'post', capabilities: new Set(['ordered']) }, ORDERED),
  ).not.toThrow();
  expect(() => checkCapabilities(carrier, ORDERED)).toThrow(
    expect.objectContaining({ code: 'Unsupported', message: expect.stringMatching(/orders .* pigeons/) }),
  );
});
