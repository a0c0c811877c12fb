import type { SQSRecord } from 'aws-lambda';
import type { FoundSubscription } from '../../src/config/define-config.ts';
import { createDrain } from '../../src/consume/drain.ts';
import {
  type Handler,
  HandlerTimeout,
  LeaseExpired,
  Postpone,
  Reject,
  RetryAfter,
} from '../../src/consume/handler.ts';
import { createSqsEventHandler } from '../../src/consume/sqs-event.ts';
import { startWorker } from '../../src/consume/worker.ts';
import { pause } from '../../src/time/backoff.ts';
import { TransportError } from '../../src/transport/errors.ts';
import { HEADERS, ID, KEY } from '../../src/transport/sqs/from-fields.ts';
import { ownReceipt } from '../../src/transport/sqs/receipt.ts';
import type { Incoming, Receipt, Transport } from '../../src/transport/transport.ts';
import type { Report } from '../fault/ledger/entry.ts';
import type { Random } from '../fault/random.ts';
import type { Carrier } from './carrier.ts';
import { type Conduct, createConduct, type Owed } from './conduct.ts';
import type { Plan } from './plan.ts';
import type { Actor, VirtualTime } from './virtual-time.ts';
import { sumOf, WORK, Work, type WorkData } from './work.ts';

/** What consumers are started in. */
export interface ConsumerWorld {
  readonly time: VirtualTime;
  readonly plan: Plan;
  readonly found: FoundSubscription;
  readonly carrier: Carrier;
  readonly random: Random;
  /** How often messages have been postponed, by id: their attempts do not tell. */
  readonly postponed: Map<string, number>;
  connect(actor: Actor): Transport;
  report(said: Report): void;
  wrong(what: string): void;
  /** From now on leases of this process may end without a word of it. */
  blame(actor: Actor, why: string): void;
  isBlamed(actor: Actor): boolean;
  onDeath(): void;
  /** How many processes have died. */
  deaths(): number;
}

/** One after the other the processes that consume in one place: a dead one is replaced. Durations in ms. */
export interface Consumer {
  /** As `kill -9`. */
  crash(): void;
  /** As SIGTERM, with so much time. */
  close(deadlineMs: number): void;
  /** As SIGSTOP, and SIGCONT after so long. */
  stall(ms: number): void;
  /** No handler is at work. */
  readonly idle: boolean;
  /** Closes the last one. */
  end(): void;
  /** There is none any more. */
  readonly ended: boolean;
}

/** A process while it lives. */
interface Life {
  readonly actor: Actor;
  readonly conduct: Conduct;
  readonly host: Host;
  closing: boolean;
}

/** What runs the handlers of one process. */
interface Host {
  close(deadlineMs: number): Promise<void>;
}

/** What a host is made of. */
interface Parts {
  readonly world: ConsumerWorld;
  readonly actor: Actor;
  readonly conduct: Conduct;
  readonly handler: Handler<WorkData>;
  readonly die: (why: string) => void;
}

/** Until a function is invoked again, in ms. */
const SCHEDULE_MS = 2_000;

export function startConsumer(world: ConsumerWorld, name: string): Consumer {
  const { time, plan, random, wrong } = world;
  // An invocation that has begun is not cut short.
  const longestMs = plan.host === 'worker' ? LONGEST_POLL_MS : world.found.subscription.lambda.timeoutMs;
  let lives = 0;
  let life: Life | undefined;
  let ending = false;

  function begin(): void {
    if (ending) return;
    lives++;
    const actor: Actor = { name: `${name}.${lives}`, dead: false, standsUntil: 0 };
    const conduct = createConduct({
      concurrency: plan.host === 'function' ? plan.entries : plan.concurrency,
      retry: world.found.subscription.retry,
      wrong,
      report: world.report,
    });
    const die = (why: string): void => {
      if (actor.dead) return;
      world.blame(actor, why);
      world.onDeath();
      retire(actor);
    };
    const handler = createHandler(world, actor, conduct, die);
    const host = time.as(actor, () => HOSTS[plan.host]({ world, actor, conduct, handler, die }));
    life = { actor, conduct, host, closing: false };
  }

  function retire(actor: Actor): void {
    actor.dead = true;
    life = undefined;
    time.after(random.whole(1, plan.restartMs), undefined, begin);
  }

  function close(deadlineMs: number): void {
    if (life === undefined || life.closing) return;
    const { actor, host } = life;
    life.closing = true;
    const closed = (startedAt: number): void => {
      // What is to be done in this very moment is part of it.
      time.after(1, actor, () => {
        checkClosed(actor, startedAt, deadlineMs);
        retire(actor);
      });
    };
    time.after(0, actor, () => {
      const startedAt = time.now;
      void host.close(deadlineMs).then(() => closed(startedAt));
    });
  }

  function checkClosed(actor: Actor, startedAt: number, deadlineMs: number): void {
    if (life === undefined) return;
    const { conduct } = life;
    const left = time.timersOf(actor);
    if (left > 0) wrong(`has closed, and left ${left} timers`);
    if (conduct.atWork > 0) wrong('has closed, and handlers are at work');
    if (world.isBlamed(actor)) return;
    if (conduct.forgotten.length > 0) wrong(`has closed, and kept ${conduct.forgotten.join(', ')}`);
    if (time.now - startedAt > Math.max(deadlineMs, longestMs) + CALLS_MS) {
      wrong(`has closed only ${time.now - startedAt} ms after it was to within ${deadlineMs}`);
    }
  }

  begin();
  return {
    get idle() {
      return (life?.conduct.atWork ?? 0) === 0;
    },
    crash() {
      if (life === undefined) return;
      const { actor } = life;
      world.blame(actor, 'is killed');
      world.onDeath();
      retire(actor);
    },
    close,
    stall(ms) {
      if (life === undefined) return;
      const { actor } = life;
      world.blame(actor, `stands for ${ms} ms`);
      actor.standsUntil = Math.max(actor.standsUntil, time.now + ms);
    },
    end() {
      ending = true;
      close(25_000);
    },
    get ended() {
      return ending && life === undefined;
    },
  };
}

/** What is under way when it is closed may take so long, on a line that is not disturbed. */
const LONGEST_POLL_MS = 5_000;
const CALLS_MS = 1_000;

/** One that is postponed is so more often than it may fail. */
const MORE_THAN_ATTEMPTS = 5;
/** Where its deliveries have to last for a day, the longest that SQS can hide it, in ms. */
const LONGEST_PACE_MS = 12 * 3_600_000;

/** A handler that does what its message says, and tells of it. */
function createHandler(
  { time, plan, found, carrier, postponed, deaths, report, wrong, isBlamed }: ConsumerWorld,
  actor: Actor,
  conduct: Conduct,
  die: Parts['die'],
): Handler<WorkData> {
  return ({ id, data }, { attempt, signal }) => {
    // Nothing of it runs any more.
    if (actor.dead) return new Promise(() => undefined);
    report({ what: 'begun', id, attempt });
    if ((carrier.putOff.get(id) ?? 0) > time.now) wrong(`begins on ${id} before it was to be tried again`);
    const isCounted = !plan.calm || plan.host !== 'worker' || carrier.kind.countsReleases || deaths() > 0;
    if (!isCounted && data.does === 'postpones' && attempt > 1) wrong(`begins on ${id} again, which counts`);
    const work = conduct.begun(id, attempt);
    const done = (): void => {
      report({ what: 'handled', id, attempt, sum: sumOf(data) });
      conduct.ended(work, { action: 'ack' });
    };
    if (data.does === 'at once') {
      done();
      return;
    }
    const cut = new AbortController();
    const begunAt = time.now;
    signal.addEventListener('abort', () => {
      if (signal.reason instanceof HandlerTimeout) {
        const hadItsTime = time.now - begunAt >= plan.handlerTimeoutMs;
        conduct.ended(work, conduct.afterFailure(attempt, hadItsTime));
      } else if (signal.reason instanceof TransportError) {
        conduct.ended(work, { action: 'retry', leastMs: 0, mostMs: 0 });
      }
      if (signal.reason instanceof LeaseExpired && !isBlamed(actor)) wrong(`loses its lease of ${id}`);
      // What has lost its lease hurries, and its answer counts as far as the carrier lets it.
      cut.abort();
    });
    const fail = (error: Error, owed: Owed): never => {
      if (!work.over) report({ what: 'failed', id, attempt });
      conduct.ended(work, owed);
      throw error;
    };
    const answer = async (): Promise<void> => {
      const { does, workMs, until } = data;
      if (does === 'hangs' && attempt <= until) {
        await pause(1e9, signal);
        fail(new Error('hung'), conduct.afterFailure(attempt));
      }
      await pause(workMs, cut.signal);
      if (work.over) throw new Error('too late');
      if (does === 'kills') {
        die('is killed by a message');
        await new Promise(() => undefined);
      }
      if (does === 'rejects') fail(new Reject('never'), { action: 'deadLetter' });
      if (does === 'poison' || (does === 'fails' && attempt <= until)) {
        fail(new Error('not now'), conduct.afterFailure(attempt));
      }
      if (does === 'asks for later' && attempt <= until) {
        fail(new RetryAfter(1_234), { action: 'retry', leastMs: 1_234, mostMs: 1_234 });
      }
      const times = postponed.get(id) ?? 0;
      if (does === 'postpones' && times < until + MORE_THAN_ATTEMPTS) {
        postponed.set(id, times + 1);
        const { maxMs, baseMs } = found.subscription.retry;
        const policyMs = Math.min(maxMs, baseMs * 2 ** (attempt - 1));
        // Where it is hidden it may wait longer, so that its deliveries suffice.
        const mostMs = carrier.kind.onlyHides ? LONGEST_PACE_MS : Math.max(700, policyMs);
        const later = new Postpone(700, 'not now', { maxAgeMs: Number.POSITIVE_INFINITY });
        fail(later, { action: 'postpone', leastMs: 700, mostMs });
      }
      done();
    };
    return answer();
  };
}

const HOSTS: Readonly<Record<Plan['host'], (parts: Parts) => Host>> = {
  worker({ world: { plan, found, connect }, actor, conduct, handler }) {
    const worker = startWorker({
      transport: conduct.witness(connect(actor)),
      address: WORK,
      contract: Work,
      handler,
      retry: found.subscription.retry,
      handlerTimeoutMs: plan.handlerTimeoutMs,
      concurrency: plan.concurrency,
      leaseMs: plan.leaseMs,
      ...(plan.prefetch !== undefined && { prefetch: plan.prefetch }),
    });
    return { close: (deadlineMs) => worker.close({ deadlineMs }) };
  },

  drain(parts) {
    const { world, actor, conduct, handler } = parts;
    const { plan, found, connect } = world;
    const invoke = createDrain({
      found,
      handler,
      openTransport: async () => conduct.witness(connect(actor)),
      concurrency: plan.concurrency,
    });
    return invokeAgainAndAgain(parts, async (context) => void (await invoke({}, context)));
  },

  function(parts) {
    const { world, actor, conduct, handler } = parts;
    const { found, carrier, connect, plan } = world;
    const receipts = new Map<string, Receipt>();
    let handles = 0;
    const invoke = createSqsEventHandler({
      found,
      handler,
      openTransport: async () => byHandle(conduct.witness(connect(actor)), receipts),
    });
    return invokeAgainAndAgain(parts, async (context) => {
      const deliveries = carrier.take(actor, Math.min(plan.entries, 10), found.subscription.leaseMs);
      if (deliveries.length === 0) return;
      conduct.handedOver(deliveries);
      const Records = deliveries.map((delivery): SQSRecord => {
        const handle = String(handles++);
        receipts.set(handle, delivery.receipt);
        return recordOf(delivery, handle);
      });
      const { batchItemFailures } = await invoke({ Records }, context);
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier));
      // It comes again when its lease ends, if nobody has said when.
      if (failed.size > 0) world.blame(actor, 'reports failures');
      for (const [place, { messageId }] of Records.entries()) {
        const delivery = deliveries[place];
        if (delivery === undefined || failed.has(messageId) || conduct.isSettled(delivery.receipt)) continue;
        const settlement = { receipt: delivery.receipt, action: 'ack' } as const;
        // What the function gave up, as far as anybody knows, Lambda deletes all the same.
        if (!conduct.isUnverified(delivery.receipt)) conduct.asks(settlement);
        const outcome = carrier.settle(settlement);
        conduct.answered(settlement, outcome);
      }
    });
  },
};

/** A function that is invoked on a schedule, and frozen in between. */
function invokeAgainAndAgain(
  { world: { time, found, wrong, blame, isBlamed }, actor, die }: Parts,
  invoke: (context: { getRemainingTimeInMillis(): number }) => Promise<void>,
): Host {
  const closed = Promise.withResolvers<void>();
  let closing = false;
  let frozen = false;

  function begin(): void {
    frozen = false;
    if (closing) {
      closed.resolve();
      return;
    }
    const endsAt = time.now + found.subscription.lambda.timeoutMs;
    let over = false;
    const end = (): void => {
      over = true;
      // What is left to do in this very moment still runs.
      time.after(1, undefined, () => {
        if (actor.dead) return;
        const left = time.timersOf(actor);
        if (left > 0) wrong(`${actor.name} has ended an invocation, and left ${left} timers`);
        frozen = true;
        const again = Math.max(time.now, actor.standsUntil) + SCHEDULE_MS;
        time.after(SCHEDULE_MS, actor, begin);
        actor.standsUntil = again;
      });
    };
    time.after(endsAt - time.now, undefined, () => {
      if (over || actor.dead) return;
      if (!isBlamed(actor)) wrong(`${actor.name} was not over in its time`);
      die('was not over in its time');
    });
    invoke({ getRemainingTimeInMillis: () => Math.max(0, endsAt - time.now) }).then(end, (error: unknown) => {
      if (!isBlamed(actor)) wrong(`failed with ${error}`);
      blame(actor, `failed with ${error}`);
      end();
    });
  }

  time.after(0, actor, begin);
  return {
    close() {
      closing = true;
      if (frozen) actor.standsUntil = time.now;
      return closed.promise;
    },
  };
}

/** The same transport, for receipts that were made from records. */
function byHandle(transport: Transport, receipts: ReadonlyMap<string, Receipt>): Transport {
  const own = (receipt: Receipt): Receipt => {
    const read = ownReceipt(receipt);
    return (read instanceof TransportError ? undefined : receipts.get(read.handle)) ?? receipt;
  };
  return {
    ...transport,
    settle: (address, settlements) =>
      transport.settle(
        address,
        settlements.map((settlement) => ({ ...settlement, receipt: own(settlement.receipt) })),
      ),
    extend: (address, all, leaseMs) => transport.extend(address, all.map(own), leaseMs),
  };
}

function recordOf({ id, body, headers, key, deliveries, enqueuedAt }: Incoming, handle: string): SQSRecord {
  const text = (stringValue: string) => ({ dataType: 'String' as const, stringValue });
  return {
    messageId: handle,
    receiptHandle: handle,
    body,
    attributes: {
      ApproximateReceiveCount: String(deliveries),
      SentTimestamp: String(enqueuedAt),
      SenderId: '',
      ApproximateFirstReceiveTimestamp: '',
    },
    messageAttributes: {
      [ID]: text(id),
      [HEADERS]: text(JSON.stringify(headers)),
      ...(key !== undefined && { [KEY]: text(key) }),
    },
    md5OfBody: '',
    eventSource: 'aws:sqs',
    eventSourceARN: '',
    awsRegion: '',
  };
}
