import { readFile } from 'node:fs/promises';
import type { Plugin } from 'esbuild';

/**
 * Makes ioredis lighter by a fifth. What it knows of commands is packed: written out, it repeats the same words
 * 400 times. Its debug output is left out, for nobody sets `DEBUG` in a function; its errors for Node 6; and the
 * certificates of Redis Cloud and the fieldsets of HIMPORT, which no `TRANSPORT_URL` asks for: a client of a handler's
 * own that does is told.
 */
export const lightIoredis: Plugin = {
  name: 'light-ioredis',
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /^debug$/ }, ({ path, importer }) =>
      IOREDIS.test(importer) ? { path, namespace: SILENT } : undefined,
    );
    onLoad({ filter: /^/, namespace: SILENT }, () => ({
      contents: 'exports.default = () => Object.assign(() => {}, { enabled: false });',
    }));
    onLoad({ filter: /ioredis\/built\/constants\/TLSProfiles\.js$/ }, () => ({ contents: NO_PROFILES }));
    onLoad({ filter: /ioredis\/built\/himport\/HimportCoordinator\.js$/ }, () => ({
      contents: NO_FIELDSETS,
    }));
    onLoad({ filter: /redis-errors\/lib\/old\.js$/ }, () => ({ contents: '' }));
    onLoad({ filter: /@ioredis\/commands\/built\/commands\.json$/ }, async ({ path }) => ({
      contents: pack(JSON.parse(await readFile(path, 'utf8'))),
    }));
  },
};

const IOREDIS = /node_modules\/ioredis\//;
const SILENT = 'silent';
const NO_PROFILES = `const leftOut = () => {
    throw new Error('bundled without the certificates of Redis Cloud: give them as tls.ca');
  };
  exports.default = {
    get RedisCloudFixed() { return leftOut(); },
    get RedisCloudFlexible() { return leftOut(); },
  };`;

/** What is asked of it by every client. The rest is for clients with fieldsets, and for the command itself in a cluster. */
const NO_FIELDSETS = `const leftOut = () => {
    throw new Error('bundled without HIMPORT: write with HSET, and leave out himportFieldsets');
  };
  exports.hasHimportCoordinator = Symbol('hasHimportCoordinator');
  exports.cloneHimportFieldsets = (fieldsets) => fieldsets && leftOut();
  exports.isHimportControlCommand = ({ name }) => name.toLowerCase() === 'himport' && leftOut();
  exports.getHimportBinding = exports.setHimportRole = exports.unbindHimportCoordinator =
    exports.interceptHimportPipeline = () => {};`;

/** What `@ioredis/commands` reads of a command; nobody reads its arity and policies. */
interface Command {
  readonly flags: readonly string[];
  readonly keyStart: number;
  readonly keyStop: number;
  readonly step: number;
  readonly subcommands?: Commands;
}
type Commands = Readonly<Record<string, Command>>;

/** Commands that are alike: flags as bits, places of keys, their names, and the subcommands of one that has some. */
type Row = [
  flags: number,
  keyStart: number,
  keyStop: number,
  step: number,
  names: string,
  subcommands?: Row[],
];

/** The source of a module that unpacks to the same. */
function pack(commands: Commands): string {
  const flags = [...new Set(flagsOf(commands))];
  const bits = (command: Command): number =>
    command.flags.reduce((sum, flag) => sum | (1 << flags.indexOf(flag)), 0);
  function rows(some: Commands): Row[] {
    const alike = new Map<string, Row>();
    for (const [name, command] of Object.entries(some)) {
      const { keyStart, keyStop, step, subcommands } = command;
      const row: Row = [bits(command), keyStart, keyStop, step, name];
      if (subcommands !== undefined) row.push(rows(subcommands));
      const likeness = subcommands === undefined ? row.slice(0, 4).join() : name;
      const known = alike.get(likeness);
      if (known === undefined) alike.set(likeness, row);
      else known[4] += ` ${name}`;
    }
    return [...alike.values()];
  }
  return `const flags = ${JSON.stringify(flags)};
    const unpack = (rows) => {
      const commands = {};
      for (const [bits, keyStart, keyStop, step, names, subcommands] of rows) {
        for (const name of names.split(' ')) {
          commands[name] = { flags: flags.filter((_, bit) => bits & (1 << bit)), keyStart, keyStop, step };
          if (subcommands) commands[name].subcommands = unpack(subcommands);
        }
      }
      return commands;
    };
    module.exports = unpack(${JSON.stringify(rows(commands))});`;
}

function flagsOf(commands: Commands): string[] {
  return Object.values(commands).flatMap(({ flags, subcommands = {} }) => [
    ...flags,
    ...flagsOf(subcommands),
  ]);
}
