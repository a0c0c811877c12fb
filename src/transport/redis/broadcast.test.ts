import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { topologyOf } from '../../../test/support/ping.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { startCluster } from '../../../test/support/redis-cluster.ts';
import { message, messages, rejection } from '../../../test/support/redis-transport.ts';
import { startTcpProxy } from '../../../test/support/tcp-proxy.ts';
import type { Listening, Notice } from '../transport.ts';
import type { OpenBroadcast } from '../with-broadcast.ts';
import { createRedisBroadcast, type RedisBroadcastOptions } from './broadcast.ts';

let tests = 0;

/** It ends with the test. */
function open(server: RedisServer, options: Partial<RedisBroadcastOptions> = {}) {
  const prefix = options.prefix ?? `b${++tests}`;
  const broadcast = createRedisBroadcast({
    ...server.options,
    prefix,
    messageBytes: 1_000_000,
    sharded: false,
    ...options,
  });
  onTestFinished(() => broadcast.close());
  return { prefix, broadcast };
}

async function listen(broadcast: OpenBroadcast, topic = 'news') {
  const notices: Notice[] = [];
  const told: string[] = [];
  const listening: Listening = await broadcast.listen(topic, {
    onNotice: (notice) => notices.push(notice),
    onAway: ({ code }) => told.push(`away: ${code}`),
    onGap: ({ code }) => told.push(`gap: ${code}`),
  });
  const hears = async (ids: readonly string[]) =>
    vi.waitFor(() => expect(notices.map(({ id }) => id)).toEqual(ids));
  return { notices, told, listening, hears };
}

async function say(broadcast: OpenBroadcast, ...ids: string[]): Promise<void> {
  const notices = ids.map((id) => message({ id }));
  expect(await broadcast.notify('news', notices)).toEqual(ids.map(() => 'accepted'));
}

const listeners = async ({ admin }: RedisServer): Promise<number> =>
  String(await admin.call('CLIENT', 'LIST', 'TYPE', 'pubsub'))
    .split('\n')
    .filter(Boolean).length;

describe.skipIf(WITHOUT_REDIS)('broadcasting over Redis', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis({ databases: '4' });
  });
  afterAll(() => server.stop());

  it('listens on one connection for all, which it has for as long as anybody listens', async () => {
    const { broadcast, prefix } = open(server);
    const hearers = await Promise.all(['a', 'b', 'a', 'c'].map((topic) => listen(broadcast, topic)));
    expect(await listeners(server)).toBe(1);
    const channels = async () => (await server.admin.pubsub('CHANNELS', `${prefix}:*`)).toSorted();
    expect(await channels()).toEqual(['a', 'b', 'c'].map((topic) => `${prefix}:{${topic}}:broadcast`));
    await hearers[0]?.listening.close();
    expect(await channels()).toHaveLength(3);
    await hearers[2]?.listening.close();
    await vi.waitFor(async () => expect(await channels()).toHaveLength(2));
    for (const { listening } of hearers) await listening.close();
    await vi.waitFor(async () => expect(await listeners(server)).toBe(0));
    const again = await listen(broadcast);
    await say(broadcast, 'x');
    await again.hears(['x']);
  });

  it('says several in one round trip', async () => {
    const { broadcast } = open(server);
    const hearer = await listen(broadcast);
    await server.admin.config('RESETSTAT');
    await say(broadcast, ...messages(400).map((_, n) => `${n}`));
    await hearer.hears(Array.from({ length: 400 }, (_, n) => `${n}`));
    const stats = await server.admin.info('commandstats');
    expect(stats).toMatch(/cmdstat_eval:calls=1,/);
    expect(stats).toMatch(/cmdstat_publish:calls=400,/);
  });

  it('is heard in its own database only', async () => {
    const { broadcast, prefix } = open(server);
    const other = open(server, { prefix, database: 2 }).broadcast;
    const [here, there] = [await listen(broadcast), await listen(other)];
    await say(broadcast, 'here');
    await say(other, 'there');
    await here.hears(['here']);
    await there.hears(['there']);
  });

  it('hands on what another program says there', async () => {
    const { broadcast, prefix } = open(server);
    const hearer = await listen(broadcast);
    await server.admin.publish(`${prefix}:{news}:broadcast`, 'no frame');
    await server.admin.publish(`${prefix}:{news}:broadcast`, '[broken\nbody');
    await vi.waitFor(() =>
      expect(hearer.notices).toEqual([
        { id: '', headers: {}, body: 'no frame' },
        { id: '[broken', headers: {}, body: 'body' },
      ]),
    );
  });

  it('does not begin to listen where it cannot, and tries no more', async () => {
    const { broadcast } = open(server);
    await server.kill();
    expect(await rejection(listen(broadcast, 'weather'))).toMatchObject({
      code: 'Unavailable',
      retryable: true,
    });
    expect(await rejection(broadcast.notify('news', messages(1)))).toMatchObject({ code: 'Unavailable' });
    await server.start();
    const other = open(server).broadcast;
    await listen(other);
    expect(await listeners(server)).toBe(1);
    await other.close();
    const hearer = await listen(broadcast);
    await say(broadcast, 'x');
    await hearer.hears(['x']);
    await hearer.listening.close();
    await vi.waitFor(async () => expect(await listeners(server)).toBe(0));
  });

  it.each([0, 1])('ends a listen that is under way when it is closed, while %i listen', async (count) => {
    const { broadcast } = open(server);
    for (let n = 0; n < count; n++) await listen(broadcast, 'weather');
    const listening = rejection(listen(broadcast));
    await broadcast.close();
    expect(await listening).toMatchObject({ code: 'Closed' });
    await vi.waitFor(async () => expect(await listeners(server)).toBe(0));
  });
});

describe.skipIf(WITHOUT_REDIS)('on a Redis that fails, a listener', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  it('listens again, to all, when its connection is cut; and tells that it may have missed some', async () => {
    const { broadcast } = open(server);
    const [one, two] = [await listen(broadcast), await listen(broadcast, 'weather')];
    const { listening: gone, told: untold } = await listen(broadcast);
    await gone.close();
    for (let round = 1; round <= 3; round++) {
      await server.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
      for (const { told } of [one, two]) {
        await vi.waitFor(() => expect(told).toHaveLength(2 * round), { timeout: 10_000 });
        expect(told.slice(-2)).toEqual(['away: Unavailable', 'gap: Unavailable']);
      }
      expect(await listeners(server)).toBe(1);
      await say(broadcast, `${round}`);
      await vi.waitFor(() => expect(one.notices.at(-1)?.id).toBe(`${round}`));
    }
    await broadcast.notify('weather', [message({ id: 'rain' })]);
    await two.hears(['rain']);
    await one.hears(['1', '2', '3']);
    expect(untold).toEqual([]);
  });

  it('waits for a server that was killed, and hears it when it is back', async () => {
    const { broadcast } = open(server);
    const hearer = await listen(broadcast);
    await server.kill();
    await vi.waitFor(() => expect(hearer.told).toEqual(['away: Unavailable']));
    expect(await rejection(broadcast.notify('news', messages(1)))).toMatchObject({ code: 'Unavailable' });
    await server.start();
    await vi.waitFor(() => expect(hearer.told).toEqual(['away: Unavailable', 'gap: Unavailable']), {
      timeout: 15_000,
    });
    await say(broadcast, 'back');
    await hearer.hears(['back']);
  });

  it('tries no more once nobody listens', async () => {
    const { broadcast } = open(server);
    const hearer = await listen(broadcast);
    await server.kill();
    await vi.waitFor(() => expect(hearer.told).toHaveLength(1));
    await hearer.listening.close();
    await server.start();
    // The admin's alone: a try would come within the time of the first pauses.
    const others = async () => Number(/connected_clients:(\d+)/.exec(await server.admin.info())?.[1]) - 1;
    const tried = vi.waitUntil(async () => (await others()) > 0, { timeout: 1_000, interval: 10 });
    await expect(tried).rejects.toThrow('Timed out');
    expect(hearer.told).toHaveLength(1);
  });

  it('notices a connection that has fallen silent', async () => {
    const proxy = await startTcpProxy(server.port);
    onTestFinished(() => proxy.stop());
    const { broadcast } = open({ ...server, options: { ...server.options, port: proxy.port } });
    const hearer = await listen(broadcast);
    proxy.silence();
    proxy.heal();
    await vi.waitFor(() => expect(hearer.told).toEqual(['away: Unavailable', 'gap: Unavailable']), {
      timeout: 18_000,
      interval: 100,
    });
    await say(broadcast, 'again');
    await hearer.hears(['again']);
  }, 25_000);
});

describe.skipIf(WITHOUT_REDIS)('a process that broadcasts', () => {
  let server: RedisServer;
  beforeAll(async () => {
    server = await startRedis();
  });
  afterAll(() => server.stop());

  function start(code: string) {
    const url = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
    const program = `import { openTransport } from ${url('../url.ts')};
      const transport = await openTransport(${JSON.stringify(server.url)}, ${JSON.stringify(topologyOf('news'))});
      const { broadcast } = transport;
      const told = { onNotice: ({ id }) => console.log(id), onAway() { console.log('away'); }, onGap() {} };
      ${code}`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let printed = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    return { child, ended: once(child, 'exit'), printed: () => printed };
  }

  it('ends when all is said, and when nobody listens any more, without closing anything', async () => {
    const { ended, printed } = start(`const listening = await broadcast.listen('news', {
        ...told,
        onNotice({ id }) { told.onNotice({ id }); listening.close(); },
      });
      await broadcast.notify('news', [{ id: 'said', body: '', headers: {} }]);`);
    expect(await ended).toEqual([0, null]);
    expect(printed()).toBe('said\n');
  });

  it('lives while it listens, also when the server is away', async () => {
    const { child, printed } = start(`await broadcast.listen('news', told); console.log('listening');`);
    await vi.waitFor(() => expect(printed()).toBe('listening\n'), { timeout: 10_000 });
    await server.kill();
    await vi.waitFor(() => expect(printed()).toMatch(/away/));
    await server.start();
    const { broadcast } = open(server, { prefix: 'test' });
    await vi.waitFor(
      async () => {
        await say(broadcast, 'heard');
        expect(printed()).toMatch(/heard/);
      },
      { timeout: 15_000 },
    );
    expect(child.exitCode).toBe(null);
  });
});

describe.skipIf(WITHOUT_REDIS)('broadcasting within shards', () => {
  it('works on a single server', async () => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const { broadcast, prefix } = open(server, { sharded: true });
    const hearers = [await listen(broadcast), await listen(broadcast)];
    expect(await server.admin.call('PUBSUB', 'SHARDCHANNELS')).toEqual([`${prefix}:{news}:broadcast`]);
    await say(broadcast, 'one');
    await say(broadcast, 'two', 'three');
    for (const { hears } of hearers) await hears(['one', 'two', 'three']);
    await server.admin.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await vi.waitFor(() => expect(hearers[0]?.told).toEqual(['away: Unavailable', 'gap: Unavailable']));
    await say(broadcast, 'four');
    for (const { hears } of hearers) await hears(['one', 'two', 'three', 'four']);
  });

  it('is led to the node of its channel, and to the next when that has moved', async () => {
    const cluster = await startCluster({ masters: 2 });
    onTestFinished(() => cluster.stop());
    const own = await cluster.ownerOf('{news}');
    const other = cluster.masters.find((node) => node !== own);
    if (other === undefined) return expect.unreachable();
    // Opened by the address of the node that has not the channel.
    const options = { ...other.options, cluster: { others: [] } };
    const { broadcast } = open({ ...other, options }, { sharded: true });
    const hearer = await listen(broadcast);
    expect([await listeners(own), await listeners(other)]).toEqual([1, 0]);
    await say(broadcast, 'one');
    await say(broadcast, 'two', 'three');
    await hearer.hears(['one', 'two', 'three']);
    await cluster.move('{news}', other);
    await vi.waitFor(() => expect(hearer.told).toEqual(['away: Unavailable', 'gap: Unavailable']), {
      timeout: 10_000,
    });
    expect([await listeners(own), await listeners(other)]).toEqual([0, 1]);
    await say(broadcast, 'four');
    await hearer.hears(['one', 'two', 'three', 'four']);
  }, 40_000);

  it('is led by the other nodes when those of its URL have died', async () => {
    const cluster = await startCluster({ replicas: 1 });
    onTestFinished(() => cluster.stop());
    const own = await cluster.ownerOf('{news}');
    const replica = await cluster.replicaOf(own);
    const other = cluster.masters.find((node) => node !== own);
    if (other === undefined) return expect.unreachable();
    const on = (node: RedisServer) => ({ ...node, options: { ...node.options, cluster: { others: [] } } });
    // What only listens: it learns nothing by what it says.
    const { broadcast, prefix } = open(on(own), { sharded: true });
    const hearer = await listen(broadcast);
    await say(open(on(other), { sharded: true, prefix }).broadcast, 'one');
    await hearer.hears(['one']);
    await own.kill();
    await vi.waitFor(() => expect(hearer.told).toEqual(['away: Unavailable', 'gap: Unavailable']), {
      timeout: 30_000,
    });
    expect(await listeners(replica)).toBe(1);
    await say(open(on(other), { sharded: true, prefix }).broadcast, 'two');
    await hearer.hears(['one', 'two']);
  }, 90_000);
});
