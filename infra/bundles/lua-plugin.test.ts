import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as receive from '../../src/transport/redis-list/scripts/receive.ts';
import * as settleList from '../../src/transport/redis-list/scripts/settle.ts';
import * as send from '../../src/transport/redis-streams/scripts/send.ts';
import * as settle from '../../src/transport/redis-streams/scripts/settle.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../test/support/redis.ts';
import { bareLua } from './lua-plugin.ts';

const MODULES = {
  'redis-list/scripts/receive.ts': receive,
  'redis-list/scripts/settle.ts': settleList,
  'redis-streams/scripts/send.ts': send,
  'redis-streams/scripts/settle.ts': settle,
};

async function bundled(module: string): Promise<Record<string, unknown>> {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, '../../src/transport', module)],
    bundle: true,
    format: 'esm',
    platform: 'node',
    write: false,
    plugins: [bareLua],
  });
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64');
  return import(`data:text/javascript;base64,${code}`);
}

/** Texts, words, numbers and signs, without comments. */
const tokens = (lua: string): string[] =>
  lua.replace(/--.*/g, '').match(/'(?:\\.|[^'\\])*'|\w+|[^\s\w]/g) ?? [];

describe.skipIf(WITHOUT_REDIS)('Lua in bundles', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it.each(Object.entries(MODULES))('has in %s what it had, and Redis takes it', async (name, module) => {
    const made = await bundled(name);
    let scripts = 0;
    for (const [key, script] of Object.entries(module)) {
      if (typeof script !== 'object') continue;
      const bare = made[key];
      if (typeof bare !== 'object' || bare === null || !('lua' in bare)) return expect.unreachable(key);
      const lua = String(bare.lua);
      const whole = lua
        .replace('local C,M,N,I,K,A=redis.call,string.match,tonumber,ipairs,KEYS,ARGV\n', '')
        .replaceAll(/\bC\(/g, 'redis.call(')
        .replaceAll(/\bM\(/g, 'string.match(')
        .replaceAll(/\bN\(/g, 'tonumber(')
        .replaceAll(/\bI\(/g, 'ipairs(')
        .replaceAll(/\bK\b/g, 'KEYS')
        .replaceAll(/\bA\b/g, 'ARGV');
      expect(tokens(whole)).toEqual(tokens(script.lua));
      expect(whole).not.toMatch(/^ | $|--|\n\n/m);
      await server.admin.script('LOAD', lua);
      scripts++;
    }
    expect(scripts).toBeGreaterThan(0);
  });
});
