import { expect, it } from 'vitest';
import { acceptedAt, createNamer, formatName, isHidden, parseName, stemOf } from './entry-name.ts';

it('reads back what stands in front of a name', () => {
  const { token } = createNamer();
  for (const stem of ['a.json', '~', 'a~b', 'x\ny', createNamer().stem()]) {
    const name = { stem, at: 1_763_740_800_000, span: 43_200_000, deliveries: 999_999, token: token() };
    expect(parseName(formatName(name))).toEqual(name);
    expect(Buffer.byteLength(formatName(name)) - Buffer.byteLength(stem)).toBeLessThanOrEqual(65);
  }
  expect(parseName(formatName({ stem: 'a', at: 0, span: 0, deliveries: 0, token: token() }))?.at).toBe(0);
});

it.each(['a.json', '1763740800000+0.1.aaaaaaaaaa-0~.x', '1763740800000+0.1.aaaaaaaaaa-0~', '~'])(
  'takes %j for a name that somebody gave',
  (name) => {
    expect(parseName(name)).toBeUndefined();
    expect(acceptedAt(name)).toBeUndefined();
    expect(stemOf(name)).toBe(name);
  },
);

it('names what is accepted in the order of time, also when the clock is put back', () => {
  const { stem } = createNamer();
  const names = [2_000, 2_000, 1_000, 3_000].map((now) => stem(1_763_740_800_000 + now));
  expect(names.toSorted()).toEqual(names);
  expect(new Set(names).size).toBe(4);
  expect(acceptedAt(names[2] ?? '')).toBe(1_763_740_802_000);
});

it('knows what is hidden', () => {
  expect(['.a', '..', 'a.tmp', '.tmp'].every(isHidden)).toBe(true);
  expect(['a', 'a.tmp.json', 'tmp'].some(isHidden)).toBe(false);
});
