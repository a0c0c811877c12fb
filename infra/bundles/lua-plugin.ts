import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** Leaves out what only moves lines of Lua in: a bundler keeps texts as they are. */
export const narrowLua: Plugin = {
  name: 'narrow-lua',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/transport\/redis[a-z-]*\/scripts\/[a-z-]+\.ts$/ }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replaceAll(/^ +/gm, ''),
      loader: 'ts',
    }));
  },
};
