import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/** Lua as the server needs it: without the comments and the indentation that its readers have. */
export const bareLua: Plugin = {
  name: 'bare-lua',
  setup({ onLoad }) {
    onLoad({ filter: SCRIPTS }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8')).replace(COMMENT, '').replace(INDENTATION, ''),
      loader: 'ts',
    }));
  },
};

const SCRIPTS = /\/src\/transport\/redis[^/]*\/(?:dialect\/)?scripts[./]/;
/** On a line of its own. */
const COMMENT = /^ *-- .*\n/gm;
const INDENTATION = /^ +/gm;
