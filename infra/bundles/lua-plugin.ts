import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/**
 * Lua as the server needs it: without the comments, indentation and blanks that its readers have, and with short names for
 * what it says all the time; and of the scripts those that somebody runs.
 */
export const bareLua: Plugin = {
  name: 'bare-lua',
  setup({ onLoad }) {
    onLoad({ filter: SCRIPTS }, async ({ path }) => ({
      contents: (await readFile(path, 'utf8'))
        .replace(COMMENT_OR_TEMPLATE, (found) =>
          found.startsWith('`') ? `\`${bare(found.slice(1, -1))}\`` : '',
        )
        // To make a script has no effect that anybody sees.
        .replaceAll('= defineScript(', '= /* @__PURE__ */ defineScript('),
      loader: 'ts',
    }));
    onLoad({ filter: DEFINES_SCRIPTS }, async ({ path }) => {
      const source = await readFile(path, 'utf8');
      const contents = source.replace(JOINED, `'${SHORT_NAMES}\\n' + ${JOINED}`);
      if (contents === source) throw new Error(`${path} does not say ${JOINED}`);
      return { contents, loader: 'ts' };
    });
  },
};

const SCRIPTS = /\/src\/transport\/redis[^/]*\/(?:dialect\/)?scripts[./]/;
const DEFINES_SCRIPTS = /\/src\/transport\/redis\/script\.ts$/;
const JOINED = "parts.join('\\n')";
const SHORT: Readonly<Record<string, string>> = {
  'redis.call': 'C',
  'string.match': 'M',
  tonumber: 'N',
  ipairs: 'I',
  KEYS: 'K',
  ARGV: 'A',
};
const SHORT_NAMES = `local ${Object.values(SHORT).join()}=${Object.keys(SHORT).join()}`;
const LONG = new RegExp(
  `\\b(?:${Object.keys(SHORT)
    .map((name) => RegExp.escape(name))
    .join('|')})\\b`,
  'g',
);
const COMMENT_OR_TEMPLATE = /\/\*[\s\S]*?\*\/|\/\/.*|`(?:\\.|[^`\\])*`/g;

/** A comment, a blank, or what stands for itself: a text, what the template puts in, a word or number, any other sign. */
const TOKEN = /--.*|\s+|'(?:\\.|[^'\\])*'|\$\{[^}]*\}|\w+|[^\s\w]/g;

/** The same tokens, with blanks between them only where they would become others without. */
function bare(lua: string): string {
  let text = '';
  let blank = '';
  for (const [token] of lua.matchAll(TOKEN)) {
    if (token.startsWith('--')) continue;
    if (/^\s/.test(token)) {
      // Errors name lines.
      blank = blank.includes('\n') || token.includes('\n') ? '\n' : ' ';
      continue;
    }
    text += (mayJoin(text, token) ? '' : blank) + token;
    blank = '';
  }
  return text.replace(LONG, (name) => SHORT[name] ?? name);
}

function mayJoin(before: string, token: string): boolean {
  // Two words, or what a template puts in.
  if (/[\w}]$/.test(before) && /^[\w$]/.test(token)) return false;
  // A number and the dots after it; two signs that would begin a comment.
  return !(/\d$/.test(before) && token === '.') && !(before.endsWith('-') && token === '-');
}
