import { pause } from '../../../src/time/backoff.ts';
import type { Fault } from '../fault.ts';
import { HELD } from '../held.ts';
import { countOf } from '../ledger/counts.ts';

/** Another program writes over a key of ours, with a value of another type; somebody puts back what was there. */
export const wrongType: Fault = {
  name: 'wrong-type',
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
    const times = nightly ? 50 : 3;
    const admin = server.redis?.admin;
    if (admin === undefined) throw new Error('this needs a Redis');
    await consumer();
    const load = await producer();
    for (let round = 0; round < times; round++) {
      await flows(30);
      const [first = '', ...others] = (await admin.keys('judge*')).toSorted();
      const key = random.pick([first, ...others]);
      const kept = `kept:${key}`;
      await fault();
      // What is there has to be there again afterwards: in one step, each way.
      await admin.multi().renamenx(key, kept).set(key, 'no type of ours').exec();
      await pause(random.whole(200, 1_500));
      // Nothing may be pushed in between, which would be written over. Where nothing was kept, the second one fails alone.
      await admin.multi().del(key).rename(kept, key).exec();
      await healed();
      await recovered();
    }
    await enough(load);
    const resent = countOf(await ledger.entries(), 'resent');
    return { times, duplicates: resent + times * HELD, recoveryMs: 10_000 };
  },
};
