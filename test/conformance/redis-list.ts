import { openTransport } from '../../src/transport/url.ts';
import { describeTransport } from './suite.ts';

/** Runs the suite on a server of the Redis protocol, with each setting that makes the driver work otherwise. */
export function describeRedisList(
  name: string,
  findServer: () => Promise<{ readonly url: string; stop(): Promise<void> }>,
): void {
  for (const query of ['', '?blocking=false', '?maxDepth=10000']) {
    describeTransport(`${name}${query}`, async () => {
      const { url, stop } = await findServer();
      const list = url.replace(/^(rediss?):/, '$1+list:');
      // The URL may have a query of its own.
      const whole = list.includes('?') ? list + query.replace('?', '&') : list + query;
      return {
        open: (topology) => openTransport(whole, topology),
        provisions: true,
        close: stop,
      };
    });
  }
}
