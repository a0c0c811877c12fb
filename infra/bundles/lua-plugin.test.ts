import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { LOT } from '../../src/transport/redis-list/scripts/shared.ts';
import { bareLua } from './lua-plugin.ts';

it('leaves out comments and indentation of Lua, and nothing else', async () => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, '../../src/transport/redis-list/scripts/shared.ts')],
    bundle: true,
    format: 'esm',
    write: false,
    plugins: [bareLua],
  });
  const code = Buffer.from(outputFiles[0]?.contents ?? []).toString('base64');
  const bundled: { LOT: string } = await import(`data:text/javascript;base64,${code}`);
  const bare = LOT.split('\n')
    .map((line) => line.trim())
    .filter((line) => !line.startsWith('--'));
  expect(LOT).toContain('-- Of what another program has taken.');
  expect(bundled.LOT).toBe(bare.join('\n'));
});
