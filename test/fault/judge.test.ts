import { describe, expect, it } from 'vitest';
import type { Arena } from './arena.ts';
import { CARRIERS } from './carriers/carriers.ts';
import { BREAKAGES, type Breakage } from './children/break-driver.ts';
import type { Allowance, Fault } from './fault.ts';
import { consumerStopped } from './faults/consumer-stopped.ts';
import { tryFault } from './try-fault.ts';

const ALLOWED: Allowance = { times: 1, duplicates: 100, recoveryMs: 20_000 };

/** What it takes to show each way of breaking the promise, and how the judge says it. */
const SHOWN: Readonly<Record<Breakage, { readonly by: Fault; readonly as: RegExp; readonly on: string[] }>> =
  {
    drops: { by: fault(flow), as: /accepted, and neither handled nor dead-lettered/, on: ['redis', 'sqs'] },
    'acknowledges early': {
      by: fault(killOne),
      as: /accepted, and neither handled nor dead-lettered/,
      on: ['redis', 'sqs'],
    },
    'acknowledges twice': {
      by: consumerStopped,
      as: /acknowledged for certain, and more than once/,
      on: ['redis', 'sqs'],
    },
    'loses retries': {
      by: fault(failOnce),
      as: /accepted, and neither handled nor dead-lettered/,
      on: ['redis', 'sqs'],
    },
    'dead-letters untried': { by: fault(flow), as: /dead-lettered, and never tried/, on: ['redis', 'sqs'] },
    'trims what is pending': {
      by: fault(killOne),
      as: /accepted, and neither handled nor dead-lettered/,
      on: ['redis'],
    },
  };

describe.concurrent('the judge', { timeout: 180_000 }, () => {
  for (const breakage of BREAKAGES) {
    const { by, as, on } = SHOWN[breakage];
    for (const carrier of CARRIERS.filter(({ name }) => on.includes(name))) {
      it(`finds out about a driver that ${breakage}, on ${carrier.name}`, async ({ skip }) => {
        const reason = await carrier.unavailable();
        if (reason !== undefined) skip(reason);
        const { line, report } = await inTurn(() =>
          tryFault(by, { carrier, seed: 1, nightly: false, messages: 0, breakage }),
        );
        expect(report).toMatch(as);
        expect(line.ok).toBe(false);
      });
    }
  }

  for (const carrier of CARRIERS.filter(({ name }) => name === 'redis' || name === 'sqs')) {
    it(`finds nothing wrong with what is not broken, on ${carrier.name}`, async ({ skip }) => {
      const reason = await carrier.unavailable();
      if (reason !== undefined) skip(reason);
      const { line, report } = await inTurn(() =>
        tryFault(fault(killOne), { carrier, seed: 1, nightly: false, messages: 0 }),
      );
      expect(report).toBe('');
      expect(line).toMatchObject({ ok: true, lost: 0, dead: 0, unknown: 0 });
      expect(line.accepted).toBe(line.handled);
    });

    it(`says what became of the messages that it waited for in vain, on ${carrier.name}`, async ({
      skip,
    }) => {
      const reason = await carrier.unavailable();
      if (reason !== undefined) skip(reason);
      const { line, report } = await inTurn(() =>
        tryFault(fault(waitInVain), { carrier, seed: 1, nightly: false, messages: 0, breakage: 'drops' }),
      );
      expect(report).toMatch(/^all are handled: not within 2000 ms/);
      expect(report).toMatch(
        /accepted, and neither handled nor dead-lettered\n +\d+\.\d+ s {2}producer\d {2}publishing/,
      );
      expect(line.ok).toBe(false);
    });
  }
});

const turns = [Promise.resolve(), Promise.resolve(), Promise.resolve()];
let next = 0;

/** Three at once: each is several processes, and other files run beside this one. */
function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
  const turn = next++ % turns.length;
  const done = (turns[turn] ?? Promise.resolve()).then(work);
  turns[turn] = done.then(
    () => undefined,
    () => undefined,
  );
  return done;
}

function fault(run: (arena: Arena) => Promise<void>): Fault {
  return {
    name: run.name,
    leaseMs: 1_000,
    async run(arena) {
      await run(arena);
      return ALLOWED;
    },
  };
}

/** Nothing but publishing and handling. */
async function flow({ consumer, producer }: Arena): Promise<void> {
  await consumer();
  await (await producer({ count: 60, perSecond: 500 })).exit;
}

async function waitInVain(arena: Arena): Promise<void> {
  await flow(arena);
  await arena.ledger.until('all are handled', ({ open }) => open === 0, 2_000);
}

/** A consumer dies with all that it was handed. */
async function killOne({ consumer, producer, ledger }: Arena): Promise<void> {
  const victim = await consumer({ workMs: 60_000 });
  await (await producer({ count: 60, perSecond: 500 })).exit;
  await ledger.until('it is at work', ({ begunBy }) => begunBy(victim.name) >= 10);
  await victim.kill();
  await consumer();
}

/** What fails at first is handled later. */
async function failOnce({ consumer, producer, ledger }: Arena): Promise<void> {
  const worker = await consumer({ retry: { maxAttempts: 100, baseMs: 50, maxMs: 200 } });
  worker.tell({ do: 'fail', failing: true });
  await (await producer({ count: 60, perSecond: 500 })).exit;
  await ledger.until('some failed', ({ failed }) => failed >= 20);
  worker.tell({ do: 'fail', failing: false });
}
