import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { bundleLambdas } from './bundle.ts';
import { ROOT } from './functions.ts';

const PACKAGE = join(ROOT, 'node_modules/@ioredis/commands/built');

interface Commands {
  readonly list: readonly string[];
  hasFlag(name: string, flag: string): boolean;
  getKeyIndexes(name: string, args: readonly string[]): readonly number[];
}
interface Metadata {
  readonly flags: readonly string[];
  readonly subcommands?: Readonly<Record<string, Metadata>>;
}

it('what ioredis knows of commands comes out of a bundle as it was, at a third of its size', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-commands-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const entry = join(PACKAGE, 'index.js');
  const [bundle] = await bundleLambdas([{ name: 'commands', entry }], folder);
  const { default: packed }: { default: Commands } = await import(pathToFileURL(bundle?.module ?? '').href);
  const { default: original }: { default: Commands } = await import(pathToFileURL(entry).href);
  const text = readFileSync(join(PACKAGE, 'commands.json'), 'utf8');
  const known: Readonly<Record<string, Metadata>> = JSON.parse(text);
  const flags = new Set(Object.values(known).flatMap((command) => command.flags));

  const look = (commands: Commands) =>
    commands.list.map((name) => ({
      name,
      flags: [...flags].filter((flag) => commands.hasFlag(name, flag)),
      keys: ['1', ...Object.keys(known[name]?.subcommands ?? {})].map((first) =>
        commands.getKeyIndexes(name, [first, '1', '2', 'streams', 'store', '3', '4']),
      ),
    }));
  expect(look(packed)).toEqual(look(original));
  expect(packed.list.length).toBeGreaterThan(200);
  expect(bundle?.total.bytes).toBeLessThan(JSON.stringify(known).length / 3);
});

it('says to a client that asks for certificates which are not in the bundle what to do', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-certificates-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const entry = join(folder, 'client.ts');
  writeFileSync(
    entry,
    `import { Redis } from 'ioredis';
     export const handler = (tls) => new Redis({ tls, lazyConnect: true }).options.tls;`,
  );
  const [bundle] = await bundleLambdas([{ name: 'client', entry }], folder);
  const { handler } = await import(pathToFileURL(bundle?.module ?? '').href);
  expect(handler({ ca: 'own' })).toEqual({ ca: 'own' });
  expect(() => handler({ profile: 'RedisCloudFixed' })).toThrow(
    'this function was bundled without the certificates of Redis Cloud: give them as tls.ca',
  );
});
