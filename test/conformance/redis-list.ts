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
      return {
        open: (topology) => openTransport(`${url.replace(/^(rediss?):/, '$1+list:')}${query}`, topology),
        provisions: true,
        close: stop,
      };
    });
  }
}
