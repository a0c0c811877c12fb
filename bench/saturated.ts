import { type Contender, moduleUrl } from './contenders.ts';
import { withEnds } from './ends.ts';

/** Messages a second from end to end when `count` are sent as fast as they can be and handled meanwhile. */
export function saturated(one: Contender, url: string, count: number): Promise<number> {
  return withEnds(moduleUrl(one), url, async ({ open, saturate, handled, close }) => {
    await open(count);
    const startedAt = performance.now();
    await Promise.all([saturate(0, count), handled(count)]);
    const seconds = (performance.now() - startedAt) / 1_000;
    await close(count);
    return count / seconds;
  });
}
