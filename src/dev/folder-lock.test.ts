import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockFolder } from './folder-lock.ts';

const MODULE = new URL('./folder-lock.ts', import.meta.url).href;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hikyaku-lock-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A process that takes the folder and keeps it; says whether it could. */
async function other() {
  const script = `const { lockFolder } = await import(${JSON.stringify(MODULE)});
    process.stdout.write(lockFolder(${JSON.stringify(folder)}) === undefined ? 'no' : 'yes');
    setInterval(() => {}, 1_000);`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = await once(child.stdout, 'data');
  return {
    took: String(said) === 'yes',
    async kill() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

describe('the lock of a folder', () => {
  it('is had by one of several that come at once, and free again when that one is killed', async () => {
    const others = await Promise.all([other(), other(), other()]);
    const owners = others.filter(({ took }) => took);
    expect(owners).toHaveLength(1);
    expect(lockFolder(folder)).toBeUndefined();
    await owners[0]?.kill();
    const giveBack = lockFolder(folder);
    expect(giveBack).toBeTypeOf('function');
    expect(lockFolder(folder)).toBeUndefined();
    giveBack?.();
    lockFolder(folder)?.();
    await Promise.all(others.filter(({ took }) => !took).map((one) => one.kill()));
  });

  it('makes its folder, and says when there can be none', () => {
    lockFolder(join(folder, 'new', 'one'))?.();
    expect(() => lockFolder('/dev/null/none')).toThrow(/ENOTDIR/);
  });
});
