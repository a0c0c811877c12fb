import { describe } from 'vitest';
import { openTransport } from '../../src/transport/url.ts';
import { startRedis, WITHOUT_REDIS } from '../support/redis.ts';
import { describeTransport } from './suite.ts';

/** On the server of `REDIS_URL`, else on one of our own. */
async function findServer(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const url = process.env['REDIS_URL'];
  return url ? { url, stop: async () => {} } : startRedis();
}

describe.skipIf(WITHOUT_REDIS && !process.env['REDIS_URL'])('on a real server', () => {
  for (const query of ['', '?blocking=false', '?retention=1h&maxDepth=10000']) {
    describeTransport(`redis${query}`, async () => {
      const { url, stop } = await findServer();
      return {
        open: (topology) => openTransport(`${url}${query}`, topology),
        provisions: true,
        close: stop,
      };
    });
  }
});
