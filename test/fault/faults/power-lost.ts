import { losePower } from '../carriers/fsync-witness.ts';
import type { Fault } from '../fault.ts';
import { HELD } from '../held.ts';
import { countOf } from '../ledger/counts.ts';
import { acceptedUnsynced, UNSYNCED_MS } from './unsynced.ts';

const PER_SECOND = 250;

function powerLost(appendfsync: 'always' | 'everysec'): Fault {
  return {
    name: `power-lost-${appendfsync}`,
    settings: { appendfsync },
    losesPower: true,
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
      const { redis } = server;
      if (redis === undefined) throw new Error('this needs a Redis');
      // Slower than what is published, so that there is something to lose; not in the long form, where ever more would wait.
      await consumer({ workMs: 120, concurrency: nightly ? 35 : 20 });
      const load = await producer({ perSecond: PER_SECOND });
      let bytes = 0;
      for (let round = 0; round < times; round++) {
        await flows(random.whole(100, 400));
        await fault();
        await redis.kill();
        bytes += await losePower(redis.folder);
        await redis.start();
        await healed();
        await recovered();
      }
      await enough(load);
      await ledger.allHandled(15_000).catch(() => undefined);
      const entries = await ledger.entries();
      const resent = countOf(entries, 'resent');
      const forgotten = times * PER_SECOND * (UNSYNCED_MS / 1_000);
      return {
        times,
        duplicates: resent + times * HELD + (appendfsync === 'always' ? 0 : forgotten),
        recoveryMs: 10_000,
        ...(appendfsync === 'everysec' && { mayLose: acceptedUnsynced(entries), forgets: true }),
        note: `${bytes} bytes had not been synced; of ${ledger.tally.accepted} accepted messages ${ledger.tally.open} were lost`,
      };
    },
  };
}

/** Redis loses its power: what had not been synced to disk is gone, by its own settings. */
export const powerLostAlways = powerLost('always');
export const powerLostEverysec = powerLost('everysec');
