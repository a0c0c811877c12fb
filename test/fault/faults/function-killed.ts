import { startEventSourceMapping } from '../../../src/dev/event-source-mapping.ts';
import { pause } from '../../../src/time/backoff.ts';
import { queueNames } from '../../../src/transport/names.ts';
import type { Arena } from '../arena.ts';
import type { Death } from '../children/invocation.ts';
import { LOAD } from '../children/load.ts';
import { createEnvironments, type Environments } from '../environments.ts';
import type { Allowance, Fault } from '../fault.ts';
import { poisonIn } from '../ledger/counts.ts';

/** Of the function. What it leaves comes again when the visibility timeout is over, six times as long. In ms. */
const TIMEOUT_MS = 2_400;
const LEASE_MS = 6 * TIMEOUT_MS;
const BATCH = 10;

/** A function behind an SQS event source times out, crashes, or dies between handling and answering. */
export const functionKilled: Fault = {
  name: 'function-killed',
  leaseMs: LEASE_MS,
  suits: ({ name }) => name.startsWith('sqs'),
  async run(arena) {
    const { server, topology } = arena;
    const functions = createEnvironments(arena, 'sqs', TIMEOUT_MS);
    let inHands = 0;
    functions.onDeath = (event) => {
      if (typeof event === 'object' && event !== null && 'Records' in event && Array.isArray(event.Records)) {
        inHands += event.Records.length;
      }
    };
    const mapping = startEventSourceMapping({
      endpoint: `http://127.0.0.1:${server.port}`,
      region: 'eu-west-1',
      queueName: queueNames(topology.prefix, LOAD, topology.ordered).queue,
      invoke: (event) => functions.invoke(event),
      batchSize: BATCH,
      maxConcurrency: 3,
      functionTimeoutMs: TIMEOUT_MS,
      onError: () => undefined,
    });
    try {
      return await killed(arena, functions, () => inHands, LEASE_MS);
    } finally {
      await mapping.close();
    }
  },
};

/** The same of a function that drains Redis when it is invoked, again and again. */
export const drainKilled: Fault = {
  name: 'drain-killed',
  suits: ({ isRedis }) => isRedis,
  async run(arena) {
    const functions = createEnvironments(arena, 'drain', TIMEOUT_MS);
    const over = new AbortController();
    let inHands = 0;
    functions.onDeath = async () => {
      inHands += (await arena.depth()).inFlight;
    };
    async function schedule(): Promise<void> {
      while (!over.signal.aborted) {
        await functions.invoke({}).catch(() => undefined);
        await pause(200, over.signal);
      }
    }
    const schedules = [schedule(), schedule()];
    try {
      return await killed(arena, functions, () => inHands, arena.topology.leaseMs);
    } finally {
      over.abort();
      await Promise.all(schedules);
    }
  },
};

/** Not a multiple of how many keys there are: else all of it would stand in one, each behind the other's retries. */
const POISON_EVERY = 41;

async function killed(
  { producer, ledger, random, nightly, fault, flows, healed, recovered, empty, enough }: Arena,
  functions: Environments,
  inHands: () => number,
  leaseMs: number,
): Promise<Allowance> {
  const rounds = nightly ? 25 : 1;
  const ways: readonly Death['how'][] = ['killed', 'blocks', 'unanswered', 'exits'];
  const load = await producer({ perSecond: 100, poison: { every: POISON_EVERY, kind: 'throws' } });
  for (let round = 0; round < rounds; round++) {
    await flows(random.whole(30, 150));
    await fault();
    await functions.doom(ways.map((how) => ({ how, at: random.whole(1, 4) })));
    await healed();
    await recovered();
  }
  await enough(load);
  await ledger.allHandled();
  await empty(poisonIn(await ledger.entries()));
  return { times: rounds * ways.length, duplicates: inHands(), recoveryMs: leaseMs + 10_000 };
}
