import { pause } from '../../src/time/backoff.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';

/** How long the end of a process may take to be seen by others, in ms. */
const SEEN_MS = 3_000;

/** What is wrong with connections whose processes have ended: that they are still there. */
export async function leftBehind(proxy: TcpProxy): Promise<string[]> {
  const deadline = performance.now() + SEEN_MS;
  while (proxy.connections > 0 && performance.now() < deadline) await pause(20);
  return proxy.connections === 0 ? [] : [`${proxy.connections} connections were left behind`];
}
