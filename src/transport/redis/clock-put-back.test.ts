import { describe, expect, it, onTestFinished } from 'vitest';
import { PING, topologyOf } from '../../../test/support/ping.ts';
import { type RedisServer, startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { openTransport } from '../url.ts';

const HOUR = 3_600_000;
const LEASE = 700;
const ids = (messages: readonly { id: string }[]): string[] => messages.map(({ id }) => id).toSorted();

describe.skipIf(WITHOUT_REDIS)('on a server whose clock has been put back', () => {
  it.each(['redis', 'redis+list'])('nothing is hidden for longer than was meant, by %s', async (scheme) => {
    const server = await startRedis();
    onTestFinished(() => server.stop());
    const transport = await openTransport(`${scheme}://127.0.0.1:${server.port}`, topologyOf('ping', 'test'));
    onTestFinished(() => transport.close());
    await transport.provision();
    const sent = ['abandoned', 'dead', 'retried'].map((id) => ({ id, body: id, headers: {} }));
    await transport.send('ping', sent);
    const options = { max: 10, waitMs: 0, leaseMs: LEASE };
    const released = await transport.receive(PING, options);
    const release = released.map(({ receipt }) => ({ receipt, action: 'release' as const }));
    await transport.settle(PING, release);
    // What was given back stands apart from then on, on streams too.
    const received = await transport.receive(PING, options);
    expect(ids(received)).toEqual(['abandoned', 'dead', 'retried']);
    for (const { id, receipt } of received) {
      if (id === 'dead') await transport.settle(PING, [{ receipt, action: 'deadLetter', headers: {} }]);
      if (id === 'retried') await transport.settle(PING, [{ receipt, action: 'retry', delayMs: LEASE }]);
    }
    await asAnHourAgo(server);
    const again: string[] = [];
    const deadline = performance.now() + 10_000;
    while (again.length < 2 && performance.now() < deadline) {
      again.push(...ids(await transport.receive(PING, { ...options, waitMs: 500, leaseMs: 60_000 })));
    }
    expect(again.toSorted()).toEqual(['abandoned', 'retried']);
    expect(ids(await transport.deadLetters.scan(PING, { max: 10, leaseMs: 1_000 }))).toEqual(['dead']);
  });
});

/** All that stands there by its time stands as it would if the clock had been put back by an hour since. */
async function asAnHourAgo({ admin }: RedisServer): Promise<void> {
  for (const key of await admin.keys('*')) {
    if (key.endsWith(':swept')) await admin.incrby(key, HOUR);
    if ((await admin.type(key)) !== 'zset') continue;
    for (const member of await admin.zrange(key, '0', '-1')) await admin.zincrby(key, HOUR, member);
  }
}
