import { pause } from '../../../src/time/backoff.ts';
import type { TcpProxy } from '../../support/tcp-proxy.ts';
import type { Fault } from '../fault.ts';
import { HELD } from '../held.ts';
import { countOf } from '../ledger/counts.ts';
import { leftBehind } from '../left-behind.ts';
import type { Random } from '../random.ts';

/** What happens to a network, each for a while. */
const DISTURBANCES: readonly [Disturb, ...Disturb[]] = [
  (proxy, random) => proxy.delay(random.whole(50, 1_000)),
  (proxy) => proxy.reset(),
  (proxy) => proxy.silence(),
  (proxy, random) => proxy.closeSlowly(random.whole(100, 2_000)),
  (proxy, random) => proxy.split(random.whole(1, 7)),
];
type Disturb = (proxy: TcpProxy, random: Random) => void;

/** The network between consumer, producer and carrier is disturbed in every way, and heals. */
export const networkDisturbed: Fault = {
  name: 'network-disturbed',
  suits: ({ networked }) => networked,
  async run({
    consumer,
    producer,
    proxy,
    server,
    ledger,
    random,
    nightly,
    fault,
    healed,
    recovered,
    goodbye,
    enough,
  }) {
    const times = nightly ? 500 : 5;
    const ways = [await proxy(), await proxy()] as const;
    const [toConsumer, toProducer] = ways;
    const worker = await consumer({ url: server.url(toConsumer.port) });
    const load = await producer({ url: server.url(toProducer.port), perSecond: 60 });
    await ledger.until('it flows', ({ handled }) => handled > 20);
    for (let round = 0; round < times; round++) {
      const disturb = DISTURBANCES[round % DISTURBANCES.length] ?? random.pick(DISTURBANCES);
      const disturbed = random.pick([[toConsumer], [toProducer], ways]);
      await fault();
      for (const one of disturbed) disturb(one, random);
      await pause(random.whole(100, 2_500));
      for (const one of disturbed) one.heal();
      await healed();
      await recovered();
    }
    await enough(load);
    await ledger.allHandled();
    const problems = await goodbye(worker);
    for (const way of ways) problems.push(...(await leftBehind(way)));
    const resent = countOf(await ledger.entries(), 'resent');
    return { times, duplicates: resent + times * HELD, recoveryMs: 10_000, problems };
  },
};
