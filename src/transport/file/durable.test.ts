import { basename, dirname } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { fileTransport, temporaryFolder } from '../../../test/support/file-transport.ts';
import { PING, topologyOf } from '../../../test/support/ping.ts';
import { createFileTransport } from './file.ts';

/** What is asked of the file system, in order. */
const said: string[] = vi.hoisted(() => []);

vi.mock('node:fs/promises', async (load) => {
  const real = await load<typeof import('node:fs/promises')>();
  const nameOf = (path: unknown) =>
    String(path)
      .split('/')
      .slice(-2)
      .map((part) => (/msg$/.test(part) ? 'FILE' : part))
      .join('/');
  return {
    ...real,
    async open(...args: Parameters<typeof real.open>) {
      const handle = await real.open(...args);
      const { sync, writeFile } = handle;
      handle.sync = async () => {
        await sync.call(handle);
        said.push(`sync ${nameOf(args[0])}`);
      };
      handle.writeFile = async (...written) => {
        await writeFile.apply(handle, written);
        said.push(`write ${nameOf(args[0])}`);
      };
      return handle;
    },
    async rename(from: string, to: string) {
      await real.rename(from, to);
      said.push(`rename ${nameOf(from)} ${nameOf(to)}`);
    },
    async link(from: string, to: string) {
      await real.link(from, to);
      said.push(`link ${nameOf(from)} ${nameOf(to)}`);
    },
    async unlink(path: string) {
      await real.unlink(path);
      said.push(`unlink ${nameOf(path)}`);
    },
  };
});

const message = { id: '1', body: '{}', headers: {} };

it('accepts what has been written, synced, renamed, and its folder synced, and nothing before', async () => {
  const { transport } = await fileTransport();
  said.length = 0;
  await transport.send('ping', [message]);
  expect(said).toEqual(['write .tmp/FILE', 'sync .tmp/FILE', 'rename .tmp/FILE new/FILE', 'sync test/new']);
  said.length = 0;
  await transport.send('ping', [{ ...message, delayMs: 1_000 }]);
  expect(said).toEqual([
    'write .tmp/FILE',
    'sync .tmp/FILE',
    'rename .tmp/FILE delayed/FILE',
    'sync test/delayed',
  ]);
});

it('shares the sync of a folder among the messages of a send', async () => {
  const { transport } = await fileTransport({}, 'a', 'b');
  said.length = 0;
  await transport.send('ping', [message, message, message]);
  expect(said.filter((one) => /^sync .*new$/.test(one)).toSorted()).toEqual(['sync a/new', 'sync b/new']);
  expect(said.at(-1)).toMatch(/^sync .*new$/);
  expect(said.filter((one) => one === 'sync .tmp/FILE')).toHaveLength(6);
});

it('stores a dead letter, and a replay, before either leaves its place', async () => {
  const { transport } = await fileTransport();
  await transport.send('ping', [message]);
  const [received] = await transport.receive(PING, { max: 1, waitMs: 0, leaseMs: 30_000 });
  if (received === undefined) return expect.unreachable();
  said.length = 0;
  await transport.settle(PING, [{ receipt: received.receipt, action: 'deadLetter', headers: {} }]);
  expect(said).toEqual([
    'write .tmp/FILE',
    'sync .tmp/FILE',
    'link .tmp/FILE dead/FILE',
    'unlink .tmp/FILE',
    'sync test/dead',
    'unlink inflight/FILE',
  ]);
  const [letter] = await transport.deadLetters.scan(PING, { max: 1, leaseMs: 30_000 });
  if (letter === undefined) return expect.unreachable();
  said.length = 0;
  await transport.deadLetters.replay(PING, [{ letter, headers: {} }]);
  expect(said).toEqual([
    'rename dead/FILE dead/FILE',
    'write .tmp/FILE',
    'sync .tmp/FILE',
    'rename .tmp/FILE new/FILE',
    'sync test/new',
    'unlink dead/FILE',
  ]);
});

it('syncs each folder that it makes into the one above', async () => {
  const { root } = await fileTransport();
  expect(said).toContain(`sync ${basename(root)}/ping`);
  expect(said).toContain('sync ping/test');
});

it('syncs what stands there already too, once each: whoever made it may not have come to that', async () => {
  const root = temporaryFolder();
  const options = { root, layout: 'nested', retentionMs: 0 } as const;
  const transport = createFileTransport(topologyOf('ping', 'a', 'b'), options);
  onTestFinished(() => transport.close());
  // Makes the folder of the topic, for notices, which nobody keeps.
  await transport.broadcast?.notify('ping', [message]);
  const name = basename(root);
  const holders = [`${basename(dirname(root))}/${name}`, `${name}/ping`, 'ping/a', 'ping/b'];
  for (const _ of ['made', 'there']) {
    said.length = 0;
    await transport.provision();
    expect(said).toEqual(expect.arrayContaining(holders.map((folder) => `sync ${folder}`)));
    expect(said).toContain(`sync ${dirname(root).split('/').slice(-2).join('/')}`);
    expect(said).toHaveLength(new Set(said).size);
  }
});
