import type { DeadLetterCode } from '../message/dead-letter.ts';
import type { Incoming, Receipt } from '../transport/transport.ts';
import { Attempt, type ExtendLeases } from './attempt.ts';
import { inAnyOrder } from './in-any-order.ts';
import { createLeaseWatch } from './lease-watch.ts';
import type { Ended, ProcessOptions, Processor, Sink } from './processor.ts';
import { createReleaseLog, type Numbered } from './releases.ts';

export interface InOrderOptions {
  readonly maxAttempts: number;
  readonly handlerTimeoutMs: number;
  readonly extend: ExtendLeases;
  readonly extendByMs?: number | undefined;
  /** Says that a delivery goes back untried. */
  readonly release: (delivery: Incoming) => Ended;
  /** After how many deliveries the carrier gives a message up. Absent: nothing makes way before. */
  readonly maxDeliveries?: number | undefined;
  /** Says that a delivery goes to the dead-letter queue. */
  readonly giveUp: (delivery: Incoming, code: DeadLetterCode, attempts: number, message: string) => Ended;
}

const NEVER = Number.POSITIVE_INFINITY;
const UNDELIVERED = 'delivered too often without an answer, and others of its key wait';

/**
 * Makes a processor keep order: messages of one key are handled one after the other, those of different keys
 * at once. When one has to be tried again, what was received after it of its key goes back untried, for the
 * carrier to bring it after that one; other keys go on. A message that is given up makes way for the next.
 */
export function inOrder(processor: Processor, options: InOrderOptions): Processor {
  const { maxAttempts, handlerTimeoutMs, extend, extendByMs, release } = options;
  const releases = createReleaseLog();
  /** First of their keys, and not to be tried once more. By receipt, which a longer lease does not change. */
  const makesWay = new WeakSet<Receipt>();
  /** Nothing more begins. */
  let cut = false;
  // Those whose turn has not come keep their leases, or somebody else would have them when it does.
  const watch = createLeaseWatch({ extend, extendByMs, onTimeout: () => {}, onLeaseLost: () => {} });

  /** With the attempts that this process knows were none taken off its deliveries. */
  function counted(delivery: Incoming): Numbered {
    const attempt = releases.attempts(delivery);
    return attempt === delivery.deliveries ? delivery : { ...delivery, attempt };
  }

  /** What ends so comes again, and may be no attempt. */
  function note(delivery: Incoming, { action }: Ended): void {
    if (action === 'postpone') releases.add(delivery);
    else if (action !== 'retry') releases.forget(delivery);
  }

  function noting(delivery: Incoming, sink: Sink): Sink {
    return {
      end(ended, place) {
        note(delivery, ended);
        sink.end(ended, place);
      },
    };
  }

  /**
   * What ends each process that begins on it takes those behind it with it, delivery by delivery. The carrier would give
   * them all up at once, them untried: it makes way while they have some left.
   */
  function isLastChance({ deliveries }: Incoming): boolean {
    return options.maxDeliveries !== undefined && deliveries > options.maxDeliveries - maxAttempts;
  }

  async function handle(
    deliveries: readonly Incoming[],
    { leftMs = NEVER, sentBack = new Set(), onEnded = () => true }: ProcessOptions,
  ): Promise<Ended[]> {
    const endsAt = performance.now() + leftMs;
    const waiting = deliveries.map(
      (delivery) => new Attempt(delivery, performance.now(), NEVER, NEVER, watch),
    );
    for (const attempt of waiting.slice(1)) watch.add(attempt);
    const ended: Ended[] = [];
    for (const attempt of waiting) {
      watch.remove(attempt);
      await attempt.extending;
      const { delivery, leaseUntil } = attempt;
      const { key } = delivery;
      const left = endsAt - performance.now();
      // The first always gets its chance; another only if it can have its full time.
      const inTime = ended.length === 0 || left >= handlerTimeoutMs;
      const blocked = cut || (key !== undefined && sentBack.has(key));
      if (blocked || !inTime || watch.isOver(attempt)) {
        if (key !== undefined) sentBack.add(key);
        releases.add(delivery);
        const back = release(delivery);
        ended.push(back);
        await onEnded(back);
        continue;
      }
      const [one] = makesWay.has(delivery.receipt)
        ? [options.giveUp(delivery, 'undelivered', delivery.deliveries - 1, UNDELIVERED)]
        : await processor.process([{ ...counted(delivery), leaseUntil }], { leftMs: left });
      if (one === undefined) continue;
      note(delivery, one);
      if (isLater(one) && key !== undefined) sentBack.add(key);
      ended.push(one);
      if (!(await onEnded(one)) && key !== undefined) sentBack.add(key);
    }
    return ended;
  }

  return {
    async process(deliveries, processOptions = {}) {
      const chains = chainsOf(deliveries);
      const ended: Ended[] = new Array(deliveries.length);
      await Promise.all(
        chains.map(async (chain) => {
          const settlements = await handle(
            chain.map(({ delivery }) => delivery),
            processOptions,
          );
          for (const [index, { place }] of chain.entries()) {
            const settlement = settlements[index];
            if (settlement !== undefined) ended[place] = settlement;
          }
        }),
      );
      return ended;
    },

    begin: (delivery, sink) => processor.begin(counted(delivery), noting(delivery, sink)),

    isolate(deliveries) {
      const suspicious = deliveries.filter((delivery) => releases.attempts(delivery) > maxAttempts);
      if (suspicious.length === 0) return [[...deliveries]];
      // Their whole keys, for a message that runs last must not be overtaken by those after it.
      const keys = new Set(suspicious.map(({ key }) => key));
      const isAlone = (delivery: Incoming) =>
        delivery.key === undefined ? suspicious.includes(delivery) : keys.has(delivery.key);
      const together = deliveries.filter((delivery) => !isAlone(delivery));
      const chains = keysOf(deliveries.filter(isAlone));
      for (const [first, second] of chains) {
        if (first !== undefined && second !== undefined && isLastChance(first)) makesWay.add(first.receipt);
      }
      const alone = inAnyOrder(chains)
        .flat()
        .map((delivery) => [delivery]);
      return together.length > 0 ? [together, ...alone] : alone;
    },

    cutShort(reason) {
      cut = true;
      processor.cutShort(reason);
    },
  };
}

/** It comes again, and those after it of its key must not overtake it. */
function isLater({ action }: Ended): boolean {
  return action === 'retry' || action === 'postpone';
}

/** A message that may be postponed for ever: its deliveries have to last for a day. In ms. */
const LONGEST_PACED_MS = 24 * 3_600_000;

/**
 * Where the carrier only hides what is postponed, and goes on counting: the shortest delay by which the deliveries that are left, each twice as long after the one before, last until the message
 * is too old. It says little while there are many.
 */
export function pace(leftMs: number, deliveriesLeft: number): number {
  return Math.ceil(Math.min(leftMs, LONGEST_PACED_MS) / (2 ** Math.max(1, deliveriesLeft) - 1));
}

interface Placed {
  readonly delivery: Incoming;
  readonly place: number;
}

/** The messages of each key, in order; each message without a key by itself. */
export function keysOf(deliveries: readonly Incoming[]): Incoming[][] {
  return chainsOf(deliveries).map((chain) => chain.map(({ delivery }) => delivery));
}

function chainsOf(deliveries: readonly Incoming[]): Placed[][] {
  const chains: Placed[][] = [];
  const byKey = new Map<string, Placed[]>();
  for (const [place, delivery] of deliveries.entries()) {
    const { key } = delivery;
    const known = key === undefined ? undefined : byKey.get(key);
    if (known !== undefined) {
      known.push({ delivery, place });
      continue;
    }
    const chain = [{ delivery, place }];
    chains.push(chain);
    if (key !== undefined) byKey.set(key, chain);
  }
  return chains;
}
