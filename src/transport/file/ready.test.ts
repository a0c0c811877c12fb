import { describe, expect, it } from 'vitest';
import { createReady } from './ready.ts';

const names = (items: readonly { readonly name: string }[]) => items.map(({ name }) => name);

describe('what is known to be ready', () => {
  it('comes in the order of time, then of names, however it was learnt of', () => {
    const ready = createReady();
    ready.told('b', 2);
    ready.add('a', 1);
    ready.addAll([
      { name: 'd', at: 3 },
      { name: 'c', at: 3 },
      { name: 'a', at: 1 },
    ]);
    expect(ready.size).toBe(4);
    expect(names(ready.take(3))).toEqual(['a', 'b', 'c']);
    expect(names(ready.take(3))).toEqual(['d']);
    expect(ready.size).toBe(0);
  });

  it('is struck out when the system tells a second time: another took it', () => {
    const ready = createReady();
    expect(ready.told('a', 1)).toBe(true);
    expect(ready.told('b', 2)).toBe(true);
    expect(ready.told('a', 1)).toBe(true);
    expect(names(ready.take(9))).toEqual(['b']);
  });

  it('stays when it was listed before the system told of its coming', () => {
    const ready = createReady();
    ready.addAll([{ name: 'a', at: 1 }]);
    ready.told('a', 1);
    expect(names(ready.take(9))).toEqual(['a']);
  });

  it('does not come back by what the system tells of its going, or by an old list', () => {
    const ready = createReady();
    ready.told('a', 1);
    ready.add('b', 2);
    ready.take(9);
    expect(ready.told('a', 1)).toBe(false);
    expect(ready.told('b', 2)).toBe(false);
    ready.addAll([{ name: 'a', at: 1 }]);
    expect(ready.size).toBe(0);
    ready.put('a', 1);
    expect(names(ready.take(9))).toEqual(['a']);
  });

  it('takes a name as quickly from among 100,000 as from among 100', () => {
    const timeOf = (count: number) => {
      const ready = createReady();
      ready.addAll(Array.from({ length: count }, (_, n) => ({ name: `${n}`, at: n })));
      const startedAt = performance.now();
      for (let n = 0; n < 100; n++) ready.take(1);
      return performance.now() - startedAt;
    };
    timeOf(100);
    expect(timeOf(100_000)).toBeLessThan(timeOf(100) + 5);
  });
});
