import type { Fault } from '../fault.ts';
import { HELD } from '../held.ts';
import { poisonIn } from '../ledger/counts.ts';

const HOUR = 3_600_000;
const ATTEMPTS = 4;

/** The clock of the server is put on by an hour, and back, while retries wait; and each time a consumer dies. */
export const serverClockStepped: Fault = {
  name: 'server-clock-stepped',
  suits: ({ isRedis }) => isRedis,
  meddles: true,
  async run(arena) {
    const {
      consumer,
      producer,
      machine,
      ledger,
      random,
      nightly,
      fault,
      flows,
      healed,
      recovered,
      empty,
      enough,
    } = arena;
    const times = nightly ? 40 : 2;
    const retry = { maxAttempts: ATTEMPTS, baseMs: 1_000, maxMs: 2_000 };
    await consumer({ retry });
    let victim = await consumer({ retry });
    // None expires: an hour is more than any has.
    const load = await producer({ poison: { every: 40, kind: 'throws' }, ttlMs: HOUR / 2 });
    const inTime = 2_000 + 5_000;
    for (let round = 0; round < times; round++) {
      const { failed } = ledger.tally;
      await flows(random.whole(50, 200));
      victim.tell({ do: 'fail', failing: true });
      await ledger.until('some are to be retried', (tally) => tally.failed > failed + 10);
      victim.tell({ do: 'fail', failing: false });
      await fault();
      const step = (): void => machine?.shiftClock(round % 2 === 0 ? HOUR : 0);
      const killFirst = random.pick([true, false]);
      if (!killFirst) step();
      await victim.kill();
      if (killFirst) step();
      await healed();
      victim = await consumer({ retry });
      await recovered();
    }
    await enough(load);
    // What failed waits for its retry; nothing is hidden for an hour.
    await ledger.until('all that can be are handled', ({ open }) => open === 0, inTime);
    await empty(poisonIn(await ledger.entries()));
    return { times, duplicates: times * 2 * HELD, recoveryMs: inTime };
  },
};
