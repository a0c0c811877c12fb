import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startEmulator } from '../../src/dev/emulator.ts';
import { startRedis, WITHOUT_REDIS } from '../support/redis.ts';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');

describe('the library example', () => {
  const expected = 'order o-1, attempt 1, aborted false\norder o-2 given up: rejected, nothing to pay\n';

  it('does on memory and on SQS what it says', async () => {
    const emulator = await startEmulator();
    for (const TRANSPORT_URL of ['memory:', emulator.url]) {
      const { stdout } = await run(process.execPath, [join(root, 'examples/library.ts')], {
        env: { ...process.env, TRANSPORT_URL },
      });
      expect(stdout.split('\n').toSorted()).toEqual(expected.split('\n').toSorted());
    }
    await emulator.stop();
  });

  it('is what the documentation shows', () => {
    const shown = readFileSync(join(root, 'docs/how-to/library.md'), 'utf8');
    const program = readFileSync(join(root, 'examples/library.ts'), 'utf8');
    for (const piece of [/const OrderPlaced = [\s\S]*?\n}\);/, /const topology = [\s\S]*?\n};/]) {
      expect(shown).toContain(piece.exec(program)?.[0]);
    }
  });
});

describe('the example of a broadcast', () => {
  const program = join(root, 'examples/broadcast.ts');

  async function says(TRANSPORT_URL: string): Promise<string> {
    return (await run(process.execPath, [program], { env: { ...process.env, TRANSPORT_URL } })).stdout;
  }

  it('does in memory what it says', async () => {
    expect(await says('memory:')).toBe('a-1 costs 1200, 0 missed\n');
  });

  it.skipIf(WITHOUT_REDIS)('does so on Redis', async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    expect(await says(server.url)).toBe('a-1 costs 1200, 0 missed\n');
  });

  it('is what the documentation shows', () => {
    const shown = readFileSync(join(root, 'docs/how-to/broadcast.md'), 'utf8');
    const text = readFileSync(program, 'utf8');
    for (const piece of [
      /const PriceChanged = [\s\S]*?\n}\);/,
      /const broadcaster = .*/,
      /const listener = [\s\S]*?\n\);/,
      /await broadcaster\.notify.*/,
    ]) {
      expect(shown).toContain(piece.exec(text)?.[0]);
    }
  });
});
