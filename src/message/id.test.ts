import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { newId } from './id.ts';

const bytesOf = (id: string): string => id.replaceAll('-', '');

/** One of each of so many milliseconds. */
function overTime(count: number): string[] {
  const ids: string[] = [];
  for (let last = 0; ids.length < count; ) {
    if (Date.now() === last) continue;
    last = Date.now();
    ids.push(newId());
  }
  return ids;
}

describe('a new id', () => {
  it('is a UUIDv7 of now', () => {
    const before = Date.now();
    const [id = ''] = overTime(1);
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const time = Number.parseInt(bytesOf(id).slice(0, 12), 16);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  });

  it('comes after all before it, within a millisecond and beyond', () => {
    const ids = Array.from({ length: 100_000 }, newId);
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('does so also while the clock is put back', () => {
    const [before = ''] = overTime(1);
    const clock = vi.spyOn(Date, 'now').mockReturnValue(Date.now() - 3_600_000);
    onTestFinished(() => clock.mockRestore());
    const [first, second] = [newId(), newId()];
    expect([second, before, first].toSorted()).toEqual([before, first, second]);
  });

  it('shares no more than its time with those of another millisecond', () => {
    const parts = overTime(64).map((id) => bytesOf(id).slice(12));
    // The first is the version; of each other digit some differ.
    for (let digit = 1; digit < 20; digit++) {
      expect(new Set(parts.map((part) => part[digit])).size, `digit ${digit}`).toBeGreaterThan(1);
    }
  });
});
