import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fits, sizeAtMost, sizeOf } from './transport.ts';

const text = (maxLength: number) => fc.string({ unit: 'grapheme', maxLength });
const message = fc.record({
  id: text(10),
  body: text(200),
  headers: fc.oneof(fc.constant({}), fc.dictionary(text(5), text(20), { maxKeys: 3 })),
});

it('says without counting that a message fits, and counts where it may not', () => {
  fc.assert(
    fc.property(message, fc.option(text(10)), fc.nat(400), (plain, key, bytes) => {
      const one = key === null ? plain : { ...plain, key };
      expect(sizeAtMost(one)).toBeGreaterThanOrEqual(sizeOf(one));
      expect(fits(one, bytes)).toBe(sizeOf(one) <= bytes);
      expect(fits(one, sizeOf(one))).toBe(true);
      expect(fits(one, sizeOf(one) - 1)).toBe(false);
    }),
  );
});
