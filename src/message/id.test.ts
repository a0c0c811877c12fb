import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { newId } from './id.ts';

describe('a new id', () => {
  // Later than any that this process has made, whose clock is the tests'.
  const START = Date.UTC(2100, 0, 1);
  let time = START;
  beforeEach(() => {
    vi.useFakeTimers();
    time += 1_000_000;
    vi.setSystemTime(time);
  });
  afterEach(() => void vi.useRealTimers());

  it('is a UUIDv7 of now', () => {
    const id = newId();
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16)).toBe(time);
  });

  it('comes after all before it, within a millisecond and beyond', () => {
    const ids: string[] = [];
    for (let ms = 0; ms < 20; ms++) {
      vi.setSystemTime(time + ms);
      for (let count = 0; count < 5_000; count++) ids.push(newId());
    }
    expect(ids.toSorted()).toEqual(ids);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('does so also when the clock is put back', () => {
    const before = newId();
    vi.setSystemTime(time - 3_600_000);
    const [first, second] = [newId(), newId()];
    expect([second, before, first].toSorted()).toEqual([before, first, second]);
  });

  it('shares no more than its time with those of another millisecond', () => {
    const parts = Array.from({ length: 64 }, (_, ms) => {
      vi.setSystemTime(time + ms);
      return newId().replaceAll('-', '').slice(12);
    });
    // Version and variant stand in them, too: of each other digit some differ.
    for (let digit = 1; digit < 20; digit++) {
      expect(new Set(parts.map((part) => part[digit])).size, `digit ${digit}`).toBeGreaterThan(1);
    }
  });
});
