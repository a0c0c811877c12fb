import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { startRedis, WITHOUT_REDIS } from '../../test/support/redis.ts';
import { startCluster } from '../../test/support/redis-cluster.ts';
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

it('what ioredis knows of commands comes out of a bundle as it was, at a fifth of its size', async () => {
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
    commands.list.toSorted().map((name) => ({
      name,
      flags: [...flags].filter((flag) => commands.hasFlag(name, flag)),
      keys: ['1', ...Object.keys(known[name]?.subcommands ?? {})].map((first) =>
        commands.getKeyIndexes(name, [first, '1', '2', 'streams', 'store', '3', '4']),
      ),
    }));
  expect(look(packed)).toEqual(look(original));
  expect(packed.list.length).toBeGreaterThan(200);
  expect(bundle?.total.bytes).toBeLessThan(JSON.stringify(known).length / 5);
});

it('says to a client that asks for what is not in the bundle what to do', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-left-out-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const entry = join(folder, 'client.ts');
  writeFileSync(
    entry,
    `import { Redis } from 'ioredis';
     export const handler = (options) => new Redis({ ...options, lazyConnect: true }).options;`,
  );
  const [bundle] = await bundleLambdas([{ name: 'client', entry }], folder);
  const { handler } = await import(pathToFileURL(bundle?.module ?? '').href);
  expect(handler({ tls: { ca: 'own' } })).toMatchObject({ tls: { ca: 'own' } });
  expect(() => handler({ tls: { profile: 'RedisCloudFixed' } })).toThrow(
    'bundled without the certificates of Redis Cloud: give them as tls.ca',
  );
  expect(() => handler({ himportFieldsets: [] })).toThrow(
    'bundled without HIMPORT: write with HSET, and leave out himportFieldsets',
  );
});

it.skipIf(WITHOUT_REDIS)(
  'works as it was, on one server and on a cluster',
  async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.stop());
    const single = await startRedis();
    onTestFinished(() => single.stop());
    const folder = mkdtempSync(join(tmpdir(), 'hikyaku-clients-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    const entry = join(folder, 'clients.ts');
    writeFileSync(
      entry,
      `import { Cluster, Redis } from 'ioredis';
     const said = async (client) => {
       for (const key of ['a', 'b', 'c']) await client.set(key, key);
       const piped = await client.pipeline().get('a').strlen('a').exec();
       const prepare = async () => client.call('HIMPORT', 'PREPARE', 'x');
       const left = await prepare().catch((error) => error.message);
       client.disconnect();
       return [piped, left];
     };
     export const handler = async (single, cluster) => [await said(new Redis(single)), await said(new Cluster([cluster]))];`,
    );
    const [bundle] = await bundleLambdas([{ name: 'clients', entry }], folder);
    const { handler } = await import(pathToFileURL(bundle?.module ?? '').href);
    const piped = [
      [null, 'a'],
      [null, 1],
    ];
    expect(await handler(single.port, cluster.masters[0]?.port)).toEqual([
      [piped, expect.stringMatching(/^ERR unknown command/)],
      [piped, expect.stringMatching(/^bundled without HIMPORT/)],
    ]);
  },
  30_000,
);
