import { pause } from '../../../src/time/backoff.ts';
import type { Fault } from '../fault.ts';
import { acceptedUnsynced } from './unsynced.ts';

/** At work, fetched ahead, and not settled yet: what may have been handled in vain when the server goes. */
const HELD = 60;

function redisKilled(appendfsync: 'always' | 'everysec'): Fault {
  return {
    name: `redis-killed-${appendfsync}`,
    settings: { appendfsync },
    suits: ({ isRedis }) => isRedis,
    async run({ consumer, producer, server, ledger, random, nightly, fault, healed, recovered, enough }) {
      const times = nightly ? 50 : 2;
      await consumer();
      const load = await producer();
      for (let round = 0; round < times; round++) {
        const { handled } = ledger.tally;
        const more = random.whole(20, 200);
        await ledger.until('it flows', (tally) => tally.handled > handled + more);
        await fault();
        await server.redis?.kill();
        await pause(random.whole(0, 2_000));
        await server.redis?.start();
        await healed();
        await recovered();
      }
      await enough(load);
      const entries = await ledger.entries();
      const resent = entries.filter(({ what }) => what === 'resent').length;
      const allowance = { times, duplicates: resent + times * HELD, recoveryMs: 10_000 };
      if (appendfsync === 'always') return allowance;
      return { ...allowance, mayLose: acceptedUnsynced(entries), forgets: true };
    },
  };
}

/** Redis is killed and comes back: what it had written is with the operating system, and nothing is lost. */
export const redisKilledAlways = redisKilled('always');
/** The same. Only while its last sync takes long has it answered without having written, for two seconds at most. */
export const redisKilledEverysec = redisKilled('everysec');
