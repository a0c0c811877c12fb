import { pause } from '../../../src/time/backoff.ts';
import type { Fault } from '../fault.ts';
import { HELD } from '../held.ts';
import { countOf } from '../ledger/counts.ts';
import { acceptedUnsynced } from './unsynced.ts';

function redisKilled(appendfsync: 'always' | 'everysec'): Fault {
  return {
    name: `redis-killed-${appendfsync}`,
    settings: { appendfsync },
    suits: ({ isRedis }) => isRedis,
    async run({
      consumer,
      producer,
      server,
      ledger,
      random,
      nightly,
      fault,
      flows,
      healed,
      recovered,
      enough,
    }) {
      const times = nightly ? 50 : 2;
      await consumer();
      const load = await producer();
      for (let round = 0; round < times; round++) {
        await flows(random.whole(20, 200));
        await fault();
        await server.redis?.kill();
        await pause(random.whole(0, 2_000));
        await server.redis?.start();
        await healed();
        await recovered();
      }
      await enough(load);
      const entries = await ledger.entries();
      const resent = countOf(entries, 'resent');
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
