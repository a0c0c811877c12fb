import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { answering } from '../../../test/support/answering.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import {
  ack,
  BILLING,
  message,
  messages,
  openRedis,
  publish,
  redisTopology,
  rejection,
  take,
} from '../../../test/support/redis-transport.ts';
import { startTcpProxy } from '../../../test/support/tcp-proxy.ts';
import { createConnection } from '../redis/connection.ts';

describe.skipIf(WITHOUT_REDIS)('on a Redis that fails, the driver', () => {
  let server: RedisServer;
  beforeEach(async () => {
    // Else it answers, while its last sync takes long, without having written.
    server = await startRedis({ appendfsync: 'always' });
  });
  afterEach(() => server.stop());

  async function given(options = server.options) {
    const topology = redisTopology('billing');
    const transport = openRedis(options, topology);
    await openRedis(server.options, topology).provision();
    return {
      transport,
      topology,
      own: `${topology.prefix}:{orders}`,
      stream: `${topology.prefix}:{orders}:stream`,
    };
  }

  it('knows after a restart what has been read, which not every server writes down', async () => {
    const options = { ...server.options, retentionMs: 3_600_000, maxDepth: 10 };
    const { transport } = await given(options);
    await publish(transport, messages(8));
    await ack(transport, await take(transport));
    await server.kill();
    await server.start();
    const empty = { ready: 0, inFlight: 0, delayed: 0, dead: 0 };
    await vi.waitFor(async () => expect(await transport.depth(BILLING)).toEqual(empty));
    await publish(transport, messages(8));
    expect(await take(transport)).toHaveLength(8);
    expect(await transport.depth(BILLING)).toEqual({ ...empty, inFlight: 8 });
  });

  it('does not connect again for a call that was between two steps when it was closed', async () => {
    const connection = createConnection(server.options);
    await connection.call('PING');
    connection.close();
    await vi.waitFor(async () => expect(await server.admin.client('LIST')).not.toMatch(/\n./));
    expect(await rejection(connection.call('PING'))).toMatchObject({ code: 'Closed' });
  });

  it('adds a message by itself without a script, and knows how many there were', async () => {
    const { transport } = await given();
    await publish(transport, messages(1));
    const before = await server.admin.info('commandstats');
    for (const message of messages(2)) await publish(transport, [message]);
    const after = await server.admin.info('commandstats');
    expect(callsOf('evalsha', after)).toBe(callsOf('evalsha', before));
    expect(callsOf('xadd', after)).toBe(callsOf('xadd', before) + 2);
    await server.admin.flushall();
    const error = await rejection(publish(transport, messages(1)));
    expect(String(error)).toMatch(/made anew; the stream had 3 entries when last seen/);
    await publish(transport, messages(1));
  });

  it('tells a consumer that waits that all is gone, and what there was', async () => {
    const { transport } = await given();
    await publish(transport, messages(3));
    const taken = await take(transport);
    await ack(transport, taken.slice(0, 1));
    const waiting = take(transport, { waitMs: 10_000 });
    await vi.waitFor(async () => expect(await server.admin.client('LIST')).toContain('cmd=xreadgroup'));
    await server.admin.flushall();
    const error = await rejection(waiting);
    expect(error).toMatchObject({ code: 'Unavailable', retryable: true });
    expect(String(error)).toMatch(/made anew; the stream had [23] entries when last seen/);
    const settled = await transport.settle(
      BILLING,
      taken.slice(1).map(({ receipt }) => ({ receipt, action: 'ack' })),
    );
    expect(settled).toMatchObject([{ code: 'LeaseLost' }, { code: 'LeaseLost' }]);
    await publish(transport, messages(1));
    expect(await take(transport)).toHaveLength(1);
  });

  it('makes a group anew that somebody has destroyed, from the beginning', async () => {
    const { transport, stream } = await given();
    await publish(transport, messages(2));
    expect(await take(transport, { max: 1 })).toHaveLength(1);
    await server.admin.xgroup('DESTROY', stream, 'billing');
    expect(await rejection(take(transport))).toMatchObject({ code: 'Unavailable' });
    expect(await take(transport)).toHaveLength(2);
  });

  it('does not create for somebody who has never seen it', async () => {
    const transport = openRedis(server.options, redisTopology('billing'));
    for (const call of [
      () => publish(transport, messages(1)),
      () => take(transport),
      // Another soon after, which does not look for what was abandoned.
      () => take(transport),
      () => transport.depth(BILLING),
    ]) {
      expect(await rejection(call())).toMatchObject({ code: 'NotFound' });
    }
  });

  it('says which keys are not its own', async () => {
    const { transport, own } = await given();
    await publish(transport, messages(2));
    const taken = await take(transport);
    await server.admin.set(`${own}:billing:waiting`, 'x');
    const retry = taken.slice(0, 1).map(({ receipt }) => ({ receipt, action: 'retry', delayMs: 5 }) as const);
    const mapped = {
      code: 'Invalid',
      message: expect.stringMatching(/WRONGTYPE.*delete the key, or set another prefix/),
    };
    expect(await rejection(transport.settle(BILLING, retry))).toMatchObject(mapped);
    await server.admin.del(`${own}:billing:waiting`);
    await server.admin.set(`${own}:billing:bodies`, 'x');
    expect(await transport.settle(BILLING, retry)).toMatchObject([mapped]);
    expect(await transport.send('orders', [message({ delayMs: 1_000 })])).toMatchObject([
      { error: mapped, missing: ['billing'] },
    ]);
    // Nothing was lost over it.
    expect(await transport.depth(BILLING)).toMatchObject({ inFlight: 2 });
    await server.admin.del(`${own}:billing:bodies`);
    await ack(transport, taken);
    await server.admin.set(`${own}:stream`, 'x');
    expect(await rejection(publish(transport, messages(1)))).toMatchObject(mapped);
    expect(await rejection(take(transport))).toMatchObject(mapped);
  });

  it('waits while there are fewer replicas than the server wants before it writes', async () => {
    const { transport } = await given();
    await publish(transport, messages(2));
    const taken = await take(transport, { max: 1 });
    await server.admin.config('SET', 'min-replicas-to-write', '1');
    const away = {
      code: 'Unavailable',
      retryable: true,
      message: expect.stringContaining('answered: NOREPLICAS'),
    };
    const sent = await transport.send('orders', messages(1)).catch((error: unknown) => [{ error }]);
    expect(sent).toMatchObject([{ error: away }]);
    expect(await rejection(take(transport))).toMatchObject(away);
    const acks = taken.map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
    expect(await rejection(transport.settle(BILLING, acks))).toMatchObject(away);
    await server.admin.config('SET', 'min-replicas-to-write', '0');
    expect(await transport.settle(BILLING, acks)).toEqual(['settled']);
    await publish(transport, messages(1));
    expect(await take(transport)).toHaveLength(2);
  });

  it('says that a server is away, and since when it is back', async () => {
    const { transport } = await given();
    const { port } = server;
    await server.kill();
    const away = {
      code: 'Unavailable',
      message: expect.stringContaining(`127.0.0.1:${port} cannot be reached: connect ECONNREFUSED`),
    };
    expect(await rejection(transport.send('orders', messages(1)))).toMatchObject(away);
    expect(await rejection(take(transport, { waitMs: 5_000 }))).toMatchObject(away);
    await server.start();
    await publish(transport, messages(1));
    await expect(await take(transport)).toHaveLength(1);
  });

  it('refuses a server that is too old', async () => {
    const hello = ['server', 'redis', 'version', '6.0.16', 'proto'].map(
      (text) => `$${text.length}\r\n${text}\r\n`,
    );
    const port = await answering(
      `*10\r\n${hello.join('')}:2\r\n$2\r\nid\r\n:7\r\n$4\r\nmode\r\n$10\r\nstandalone`,
    );
    const old = openRedis({ ...server.options, port }, redisTopology('billing'));
    expect(await rejection(old.provision())).toMatchObject({
      code: 'Unsupported',
      message: expect.stringContaining('is redis 6.0.16: Redis 7.0 or Valkey 7.2 is needed'),
    });
    const older = await answering("-ERR unknown command 'HELLO', with args beginning with: ");
    expect(
      await rejection(openRedis({ ...server.options, port: older }, redisTopology('billing')).verify()),
    ).toMatchObject({
      code: 'Unsupported',
    });
  });

  it('gives up a connection that has gone silent, and makes another', async () => {
    const proxy = await startTcpProxy(server.port);
    onTestFinished(() => proxy.stop());
    const { transport, topology } = await given({ ...server.options, port: proxy.port });
    const direct = openRedis(server.options, topology);
    const waiting = take(transport, { waitMs: 15_000 });
    await vi.waitFor(async () => expect(await server.admin.client('LIST')).toContain('cmd=xreadgroup'));
    proxy.silence();
    const [sent, waited] = await Promise.all([
      rejection(transport.send('orders', messages(1))),
      rejection(waiting),
    ]);
    expect(sent).toMatchObject({ code: 'Unavailable', retryable: true });
    expect(waited).toMatchObject({ code: 'Unavailable', retryable: true });
    proxy.heal();
    await publish(direct, messages(1));
    expect(await take(transport, { waitMs: 2_000 })).toHaveLength(1);
  });
});

/** How often a command was called, as INFO counts it. */
function callsOf(command: string, info: string): number {
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(info)?.[1] ?? 0);
}
