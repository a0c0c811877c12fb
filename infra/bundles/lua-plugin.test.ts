import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { defineScript, type Script } from '../../src/transport/redis/script.ts';
import * as receiving from '../../src/transport/redis-streams/scripts/receive.ts';
import * as sending from '../../src/transport/redis-streams/scripts/send.ts';
import * as settling from '../../src/transport/redis-streams/scripts/settle.ts';
import { bundleLambdas } from './bundle.ts';
import { ROOT } from './functions.ts';

const MODULES = { receive: receiving, send: sending, settle: settling };

it('scripts come out of a bundle line by line as they were, without indentation and comments', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-lua-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [name, originals] of Object.entries(MODULES)) {
    const entry = join(folder, `${name}.ts`);
    const scripts = JSON.stringify(join(ROOT, `src/transport/redis-streams/scripts/${name}.ts`));
    writeFileSync(entry, `export * from ${scripts};`);
    const [bundle] = await bundleLambdas([{ name, entry }], folder);
    const bundled: Readonly<Record<string, unknown>> = await import(pathToFileURL(bundle?.module ?? '').href);
    for (const [exported, original] of Object.entries<unknown>(originals)) {
      if (!isScript(original)) continue;
      // Where a text goes over several lines, its indentation counts.
      expect(original.lua).not.toContain('[[');
      expect(bundled[exported]).toEqual(defineScript(plain(original.lua)));
      expect(plain(original.lua).length).toBeLessThan(original.lua.length);
    }
  }
});

function plain(lua: string): string {
  return lua
    .split('\n')
    .map((line) => line.trimStart())
    .filter((line) => !line.startsWith('-- '))
    .join('\n');
}

function isScript(value: unknown): value is Script {
  return typeof value === 'object' && value !== null && 'lua' in value && 'sha' in value;
}
