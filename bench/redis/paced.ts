import { type Contender, moduleUrl } from '../contenders.ts';
import { withEnds } from '../ends.ts';
import type { Consumed } from '../tasks.ts';
import { withServer } from './server.ts';

/** Before those that are measured. */
const WARM_UP_SECONDS = 2;

/** From sending to handling at a steady rate, on a server of its own. In ms; NaN for none that counts. */
export function pacedLatencies(
  one: Contender,
  { rate, seconds }: { readonly rate: number; readonly seconds: number },
): Promise<Consumed['latencies']> {
  const first = rate * WARM_UP_SECONDS;
  const then = rate * seconds;
  return withServer(({ url }) =>
    withEnds(moduleUrl(one), url, async ({ open, pace, handled, close }) => {
      await open(first + then);
      await pace({ from: 0, rate, seconds: WARM_UP_SECONDS, latencyFrom: 'sent' });
      const { sent } = await pace({ from: first, rate, seconds, latencyFrom: 'sent' });
      if (sent !== then) throw new Error(`${one.name} sent only ${sent} of ${then} messages in time`);
      await handled(first + then);
      const { latencies } = await close(first + then, first);
      return latencies;
    }),
  );
}
