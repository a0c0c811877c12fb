import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findRunning, openRunState } from './run-state.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hikyaku-state-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const there = (name: string) => join(folder, name);

describe('what a folder knows of its runs', () => {
  it.each(['', '{"pid":1,"trans', '[]', '{"pid":1}'])(
    'is that nothing runs, where %j is left',
    async (text) => {
      writeFileSync(there('dev.json'), text);
      expect(await findRunning(folder)).toBeUndefined();
    },
  );

  it('names a running system whole: who reads meanwhile reads what was there before', () => {
    writeFileSync(there('dev.json'), 'before');
    const reading = openSync(there('dev.json'), 'r');
    const platform = { url: 'http://127.0.0.1:1/', instance: 'x', secret: 'whsec_' };
    const running = { transportUrl: 'sqs://127.0.0.1:1', platform, deployedUrl: 'file:///x' };
    openRunState(folder, 'embedded').announceRunning(running);
    expect(readFileSync(reading, 'utf8')).toBe('before');
    closeSync(reading);
    expect(JSON.parse(readFileSync(there('dev.json'), 'utf8'))).toEqual({
      pid: process.pid,
      ...running,
    });
  });

  it('passes over a line that was torn, and goes on behind it', () => {
    openRunState(folder, 'embedded').rememberFed('one');
    writeFileSync(there('announced.ndjson'), '{"name":"one"}\n{"name":"tw');
    const resumed = openRunState(folder, 'embedded');
    expect([...resumed.fed]).toEqual(['one']);
    resumed.rememberFed('two');
    expect([...openRunState(folder, 'embedded').fed]).toEqual(['one', 'two']);
  });

  it('is taken up on the same carrier only: on another nothing was announced', () => {
    openRunState(folder, 'redis://127.0.0.1:6379').rememberFed('one');
    expect(openRunState(folder, 'redis://127.0.0.1:6379')).toMatchObject({ resumed: true });
    const other = openRunState(folder, 'embedded');
    expect(other.resumed).toBe(false);
    expect(other.fed.size).toBe(0);
    other.finish();
    expect(openRunState(folder, 'embedded').resumed).toBe(false);
  });
});

describe('the state of a run', () => {
  it('is taken up by the next when it ended before all was settled', () => {
    const killed = openRunState(folder, 'embedded');
    expect([killed.resumed, [...killed.fed]]).toEqual([false, []]);
    for (const name of ['iris v2', 'churn v7']) killed.rememberFed(name);
    writeFileSync(killed.platformFile, '');
    const next = openRunState(folder, 'embedded');
    expect([next.resumed, [...next.fed]]).toEqual([true, ['iris v2', 'churn v7']]);
    expect(existsSync(next.platformFile)).toBe(true);
  });

  it('is forgotten by the next when it ended well', () => {
    const ended = openRunState(folder, 'embedded');
    ended.rememberFed('iris v2');
    writeFileSync(ended.platformFile, '');
    ended.finish();
    const next = openRunState(folder, 'embedded');
    expect([next.resumed, [...next.fed]]).toEqual([false, []]);
    expect(existsSync(next.platformFile)).toBe(false);
  });
});
