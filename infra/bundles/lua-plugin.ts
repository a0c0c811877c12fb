import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** Leaves out of the scripts for Redis what only people read: indentation, and lines that are comments. More than 1 KiB. */
export const plainLua: Plugin = {
  name: 'plain-lua',
  setup({ onLoad }) {
    onLoad({ filter: /\/redis-streams\/scripts\/[a-z-]+\.ts$/ }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      return { contents: source.replace(/^ *(?:-- .*\n)?/gm, ''), loader: 'ts' };
    });
  },
};
