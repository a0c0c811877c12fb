import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createReady } from './ready.ts';
import { createSorted } from './sorted.ts';

const names = (items: readonly { readonly name: string }[]) => items.map(({ name }) => name);

it('sorts whatever comes, and goes, in any order', () => {
  const number = fc.integer({ min: 0, max: 20 });
  void fc.assert(
    fc.property(fc.array(fc.tuple(number, number, fc.boolean())), (steps) => {
      const sorted = createSorted();
      const expected = new Map<string, number>();
      for (const [n, at, removed] of steps) {
        const name = `${n}`;
        if (removed) expect(sorted.remove(name)).toBe(expected.delete(name));
        else sorted.add(name, at);
        if (!removed && !expected.has(name)) expected.set(name, at);
        expect(sorted.size).toBe(expected.size);
      }
      const all: string[] = [];
      for (let item = sorted.shift(); item !== undefined; item = sorted.shift()) all.push(item.name);
      const inOrder = [...expected].sort(([one, a], [other, b]) => a - b || (one < other ? -1 : 1));
      expect(all).toEqual(inOrder.map(([name]) => name));
    }),
  );
});

describe('what is known to be ready', () => {
  it('comes in the order of time, then of names, however it was learnt of', () => {
    const ready = createReady();
    ready.told('b', 2);
    ready.add('a', 1);
    ready.add('d', 3);
    ready.put('c', 3);
    ready.add('a', 1);
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
    ready.add('a', 1);
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
    ready.add('a', 1);
    expect(ready.size).toBe(0);
    ready.put('a', 1);
    expect(names(ready.take(9))).toEqual(['a']);
  });
});
