import { expect, it, onTestFinished, vi } from 'vitest';
import { startRedis, WITHOUT_REDIS } from '../../../test/support/redis.ts';
import { MASTER } from '../../../test/support/redis-sentinel.ts';
import {
  BILLING,
  messages,
  publish,
  redisTopology,
  rejection,
  take,
} from '../../../test/support/redis-transport.ts';
import { openTransport } from '../url.ts';

it.skipIf(WITHOUT_REDIS).each(['redis:', 'redis+list:'])(
  'on %s, what the new master never had is made anew under consumers at work, and their settlements are not certain',
  async (scheme) => {
    const [first, second] = await Promise.all([startRedis(), startRedis()]);
    const watched = `sentinel monitor ${MASTER} 127.0.0.1 ${first.port} 1\n`;
    const sentinel = await startRedis({}, undefined, watched);
    onTestFinished(async () => void (await Promise.all([first, second, sentinel].map((one) => one.stop()))));
    const url = `${scheme}//127.0.0.1:${sentinel.port}?master=${MASTER}`;
    const transport = await openTransport(url, redisTopology('billing'));
    onTestFinished(() => transport.close());
    await transport.provision();
    await publish(transport, messages(5));
    const taken = await take(transport);
    const waiting = rejection(take(transport, { waitMs: 20_000 }));
    await vi.waitFor(async () =>
      expect(await first.admin.client('LIST')).toMatch(/flags=b.*cmd=(?:xreadgroup|blmove)/),
    );

    // Nobody asks before his connection ends.
    await sentinel.admin.call('SENTINEL', 'REMOVE', MASTER);
    await sentinel.admin.call('SENTINEL', 'MONITOR', MASTER, '127.0.0.1', second.port, 1);
    await first.kill();
    const noticed = await waiting;
    expect(noticed).toMatchObject({ code: 'Unavailable', retryable: true });

    const [acked, retried, released, dead, extended] = taken.map(({ receipt }) => receipt);
    if (!acked || !retried || !released || !dead || !extended) return expect.unreachable();
    const lost = { code: 'LeaseLost' };
    // Connected anew.
    await vi.waitFor(async () => {
      expect(await transport.extend(BILLING, [extended], 10_000)).toMatchObject([lost]);
    });
    expect(
      await transport.settle(BILLING, [
        { receipt: acked, action: 'ack' },
        { receipt: retried, action: 'retry', delayMs: 10 },
        { receipt: released, action: 'release' },
        { receipt: dead, action: 'deadLetter', headers: {} },
      ]),
    ).toMatchObject([lost, lost, lost, lost]);
    // Whichever finds out says so: the one that waited has perhaps only seen its connection end.
    const next = await take(transport).catch(String);
    expect(`${noticed} ${next}`).toMatch(/had lost .* made anew/);
    await publish(transport, messages(2));
    expect(await take(transport, { waitMs: 2_000 })).toHaveLength(2);
  },
  30_000,
);
