import { pause } from '../../../src/time/backoff.ts';
import type { Arena } from '../arena.ts';
import type { Fault } from '../fault.ts';
import { HELD } from '../held.ts';
import { countOf } from '../ledger/counts.ts';
import type { Entry } from '../ledger/entry.ts';
import type { Program } from '../program.ts';
import { UNSYNCED_MS } from './unsynced.ts';

/** The disk of the append-only file is full. Redis exits at the first write, and is started again whenever it has ended. */
export const redisDiskFullAlways: Fault = {
  name: 'disk-full-always',
  settings: { appendfsync: 'always' },
  meddles: true,
  suits: ({ isRedis }) => isRedis,
  async run(arena) {
    const { consumer, producer, server, machine, ledger, random, nightly, healed, recovered, enough } = arena;
    const times = nightly ? 50 : 2;
    const { redis } = server;
    if (redis === undefined) throw new Error('this needs a Redis');
    await consumer();
    const load = await producer();
    let exits = 0;
    for (let round = 0; round < times; round++) {
      await fillDisk(arena, load, random.pick([false, true]));
      const until = performance.now() + random.whole(500, 2_500);
      for (;;) {
        await redis.ended;
        exits++;
        if (performance.now() > until) break;
        await redis.start().catch(() => undefined);
      }
      machine?.makeRoom();
      await redis.start();
      await healed();
      await recovered();
    }
    await enough(load);
    const { resent, refused } = sends(await ledger.entries());
    return {
      times,
      duplicates: resent + times * HELD,
      recoveryMs: 10_000,
      problems: refused,
      note: `Redis exited ${exits} times`,
    };
  },
};

/** The same. Redis refuses writes until it can; half of the time it is killed meanwhile, with what it could not write. */
export const redisDiskFullEverysec: Fault = {
  name: 'disk-full-everysec',
  settings: { appendfsync: 'everysec' },
  meddles: true,
  suits: ({ isRedis }) => isRedis,
  async run(arena) {
    const { consumer, producer, server, machine, ledger, random, nightly, healed, recovered, enough } = arena;
    const times = nightly ? 50 : 2;
    await consumer();
    const load = await producer();
    const isKilled = (round: number): boolean => round % 2 === 1;
    for (let round = 0; round < times; round++) {
      // Once a sync has failed in the background, Redis refuses writes until it is started again.
      await fillDisk(arena, load, isKilled(round) && random.pick([false, true]));
      await pause(random.whole(0, 1_500));
      if (isKilled(round)) await server.redis?.kill();
      machine?.makeRoom();
      if (isKilled(round)) await server.redis?.start();
      await healed();
      await recovered();
    }
    await enough(load);
    await ledger.allHandled(5_000).catch(() => undefined);
    const lost = ledger.tally.open;
    const entries = await ledger.entries();
    const { resent, refused } = sends(entries);
    const said = entries.flatMap((entry) => (entry.what === 'away' ? [entry.said] : []));
    const problems = said.some((text) => text.includes('MISCONF'))
      ? refused
      : [...refused, 'nobody said why'];
    return {
      times,
      duplicates: resent + times * HELD,
      recoveryMs: 10_000,
      mayLose: acceptedUnwritten(entries, isKilled),
      forgets: true,
      problems,
      note: `${lost} accepted messages were lost; it was said as: ${said.find((text) => text.includes('MISCONF'))}`,
    };
  },
};

async function fillDisk(
  { ledger, machine, random, fault, flows }: Arena,
  load: Program,
  noSyncs: boolean,
): Promise<void> {
  await flows(random.whole(20, 200));
  const away = ledger.tally.awayBy(load.name);
  await fault();
  machine?.fill({ room: random.whole(0, noSyncs ? 1_000_000 : 5_000), noSyncs });
  await ledger.until('publishing is refused', ({ awayBy }) => awayBy(load.name) > away);
}

/** Publishes wait: those that were given to Redis again, and what is wrong where some were refused instead. */
function sends(entries: readonly Entry[]): { resent: number; refused: string[] } {
  const refused = countOf(entries, 'refused');
  return {
    resent: countOf(entries, 'resent'),
    refused: refused > 0 ? [`${refused} publishes were refused: expected that they wait`] : [],
  };
}

/** Before it refuses writes, Redis has answered what it then cannot write: that much is gone where it is killed. */
function acceptedUnwritten(
  entries: readonly Entry[],
  isKilled: (round: number) => boolean,
): ReadonlySet<string> {
  const faults = entries.filter(({ what }) => what === 'fault').filter((_, round) => isKilled(round));
  return new Set(
    entries.flatMap((entry) =>
      entry.what === 'accepted' && faults.some(({ at }) => Math.abs(at - entry.at) <= UNSYNCED_MS)
        ? [entry.id]
        : [],
    ),
  );
}
