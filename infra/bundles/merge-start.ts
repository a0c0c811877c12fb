import type { Plugin } from 'esbuild';

/** A file of a split bundle. */
export interface SplitFile {
  /** In the bundle's folder. */
  readonly name: string;
  readonly text: string;
  readonly exports: readonly string[];
}

/** What the second build is given, besides the options of the first: its entries and the plugin behind them. */
export interface MergeStart {
  readonly entryPoints: { in: string; out: string }[];
  readonly plugins: Plugin[];
}

const ROOT = 'root';
const START = 'start';
const LAZY = 'lazy';
const BRIDGE = 'bridge';

/**
 * Makes one file of those that are loaded at start: each costs Node about 0.4 ms, and splitting makes one for
 * every set of lazy files that share something. The lazy files stay, and import from the one file what they
 * imported from several.
 *
 * @param start the entry first, then all that it imports statically
 */
export function mergeStart(start: readonly SplitFile[], lazy: readonly SplitFile[]): MergeStart {
  const entry = start[0]?.name ?? '';
  const files = new Map([...start, ...lazy].map((file) => [file.name, file]));
  const places = new Map(start.map(({ name }, place) => [name, place]));
  /** Files name their exports alike (`a`, `b`, …): in one file each has its place before it. */
  const renamed = (name: string, list: (inFile: string, inEntry: string) => string): string => {
    const place = places.get(name) ?? 0;
    const exports = files.get(name)?.exports ?? [];
    return exports.map((one) => list(one, place === 0 ? one : `_${place}_${one}`)).join(', ');
  };

  const plugin: Plugin = {
    name: 'merge-start',
    setup({ onLoad, onResolve }) {
      onResolve({ filter: /^(?:root|lazy):/ }, ({ path }) => {
        const [namespace = '', name = ''] = path.split(':');
        return { path: name, namespace };
      });
      onResolve({ filter: /^\.\// }, ({ path, kind, namespace }) => {
        const name = path.slice('./'.length);
        if (!places.has(name) || kind === 'dynamic-import' || namespace === BRIDGE) {
          return { path, external: true };
        }
        return { path: name, namespace: namespace === LAZY ? BRIDGE : START };
      });
      onLoad({ filter: /^/, namespace: ROOT }, () => ({
        contents: start
          .map(
            ({ name }) => `export { ${renamed(name, (from, to) => `${from} as ${to}`)} } from './${name}';`,
          )
          .join('\n'),
      }));
      onLoad({ filter: /^/, namespace: BRIDGE }, ({ path }) => ({
        contents: `export { ${renamed(path, (to, from) => `${from} as ${to}`)} } from './${entry}';`,
      }));
      onLoad({ filter: /^/ }, ({ path }) => ({ contents: files.get(path)?.text ?? '' }));
    },
  };
  return {
    entryPoints: [
      { in: `${ROOT}:${entry}`, out: withoutExtension(entry) },
      ...lazy.map(({ name }) => ({ in: `${LAZY}:${name}`, out: withoutExtension(name) })),
    ],
    plugins: [plugin],
  };
}

function withoutExtension(name: string): string {
  return name.replace(/\.mjs$/, '');
}
