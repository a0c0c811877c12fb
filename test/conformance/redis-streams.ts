import { redisOptions } from '../../src/transport/open-redis.ts';
import { createRedisStreamsTransport } from '../../src/transport/redis-streams/redis-streams.ts';
import { openTransport } from '../../src/transport/url.ts';
import { describeTransport } from './suite.ts';

/** Runs the suite on a server of the Redis protocol, with each setting that makes the driver work otherwise. */
export function describeRedisStreams(
  name: string,
  findServer: () => Promise<{ readonly url: string; stop(): Promise<void> }>,
): void {
  for (const query of ['', '?blocking=false', '?retention=1h&maxDepth=10000']) {
    describeTransport(`${name}${query}`, async () => {
      const { url, stop } = await findServer();
      // The URL may have a query of its own.
      const whole = url.includes('?') ? url + query.replace('?', '&') : url + query;
      return {
        open: (topology) => openTransport(whole, topology),
        provisions: true,
        close: stop,
      };
    });
  }

  // All that is read at once, in lots, which only a group that is alone makes of much.
  describeTransport(`${name} in lots`, async () => {
    const { url, stop } = await findServer();
    const options = { ...redisOptions(new URL(url)), lotsFrom: 1 };
    return {
      open: async (topology) => createRedisStreamsTransport(topology, options),
      provisions: true,
      alone: true,
      close: stop,
    };
  });
}
