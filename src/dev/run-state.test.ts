import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openRunState } from './run-state.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hikyaku-run-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the state of a run', () => {
  it('is taken up by the next when it ended before all was settled', () => {
    const killed = openRunState(folder);
    expect([killed.resumed, [...killed.fed]]).toEqual([false, []]);
    for (const name of ['iris v2', 'churn v7']) killed.rememberFed(name);
    writeFileSync(killed.platformFile, '');
    const next = openRunState(folder);
    expect([next.resumed, [...next.fed]]).toEqual([true, ['iris v2', 'churn v7']]);
    expect(existsSync(next.platformFile)).toBe(true);
  });

  it('is forgotten by the next when it ended well', () => {
    const ended = openRunState(folder);
    ended.rememberFed('iris v2');
    writeFileSync(ended.platformFile, '');
    ended.finish();
    const next = openRunState(folder);
    expect([next.resumed, [...next.fed]]).toEqual([false, []]);
    expect(existsSync(next.platformFile)).toBe(false);
  });
});
