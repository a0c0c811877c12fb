import { TransportError } from '../../src/transport/errors.ts';
import type { Incoming, Limits, Transport } from '../../src/transport/transport.ts';
import type { Random } from '../fault/random.ts';
import type { Carrier } from './carrier.ts';
import type { Actor, VirtualTime } from './virtual-time.ts';

/** How often, in a thousand calls, something goes wrong between a process and the carrier. */
export interface Disturbance {
  /** The carrier is not reached, or asks for fewer requests. */
  readonly refused: number;
  /** The carrier does what it is asked for, and nobody hears of it. */
  readonly unheard: number;
  /** It takes seconds. */
  readonly slow: number;
  /** Of what is sent or settled in one call, one is refused. */
  readonly inPart: number;
}

export const UNDISTURBED: Disturbance = { refused: 0, unheard: 0, slow: 0, inPart: 0 };

/** What takes longest on the line, one way, in ms. */
export const SLOWEST_MS = 4_000;

export interface LineOptions {
  readonly time: VirtualTime;
  readonly carrier: Carrier;
  readonly actor: Actor;
  readonly random: Random;
  readonly limits: Limits;
  readonly maxDeliveries: number;
  /** As it is now. */
  readonly disturbance: () => Disturbance;
  /** Told of each disturbance: what it may explain. */
  readonly onDisturbed: () => void;
}

type Fate = 'refused' | 'unheard' | 'in part' | undefined;

/** What lies between a process and the carrier, as a transport: it takes time, and some of it is lost. */
export function connect(options: LineOptions): Transport {
  const { time, carrier, actor, random, limits, maxDeliveries, onDisturbed } = options;
  const { kind } = carrier;
  const ordered = kind.ordered;

  function drawFate(): { fate: Fate; ms: number } {
    const { refused, unheard, slow, inPart } = options.disturbance();
    const drawn = random.whole(1, 1_000);
    const fate: Fate =
      drawn <= refused
        ? 'refused'
        : drawn <= refused + unheard
          ? 'unheard'
          : drawn <= refused + unheard + inPart
            ? 'in part'
            : undefined;
    const isSlow = random.whole(1, 1_000) <= slow;
    if (fate !== undefined || isSlow) onDisturbed();
    return { fate, ms: isSlow ? random.whole(500, SLOWEST_MS) : travelMs() };
  }

  function travelMs(): number {
    return random.whole(100, 10_000) / 1_000;
  }

  function unavailable(): TransportError {
    return random.whole(0, 3) === 0
      ? new TransportError('Throttled', 'too many requests')
      : new TransportError('Unavailable', 'no answer');
  }

  /** One request and its answer. `work` is what the carrier does, and answers in its own time. */
  function call<Answer>(work: (fate: Fate, answer: (answer: Answer) => void) => void): Promise<Answer> {
    const { fate, ms } = drawFate();
    return new Promise((resolve, reject) => {
      const refuse = (): void => time.after(travelMs(), actor, () => reject(unavailable()));
      time.after(ms, undefined, () => {
        if (fate === 'refused') refuse();
        else {
          work(fate, (answer) => {
            if (fate === 'unheard') refuse();
            else time.after(travelMs(), actor, () => resolve(answer));
          });
        }
      });
    });
  }

  /** Something for each: where the call is disturbed in part, one of them is refused. */
  function each<One, Outcome>(
    list: readonly One[],
    work: (one: One) => Outcome,
  ): Promise<(Outcome | TransportError)[]> {
    return call((fate, answer) => {
      const refused = fate === 'in part' ? random.whole(0, list.length - 1) : -1;
      answer(list.map((one, place) => (place === refused ? unavailable() : work(one))));
    });
  }

  return {
    name: kind.name,
    limits,
    capabilities: new Set(ordered ? ['ordered'] : []),
    keepsOrder: () => ordered,
    countsPostponed: () => carrier.kind.onlyHides,
    maxDeliveries: () => maxDeliveries,

    async send(_topic, messages) {
      const outcomes = await each(messages, (message) => carrier.send(message));
      return outcomes.map((outcome) => (outcome instanceof TransportError ? { error: outcome } : 'accepted'));
    },

    receive(_address, { max, waitMs, leaseMs, signal }) {
      return call((_fate, answer: (answer: Incoming[]) => void) => {
        const deadline = time.now + waitMs;
        let over = false;
        const forget = carrier.onMore(look);
        signal?.addEventListener('abort', end);

        function finish(taken: Incoming[]): void {
          over = true;
          forget();
          signal?.removeEventListener('abort', end);
          answer(taken);
        }

        function end(): void {
          if (!over) finish([]);
        }

        function look(): void {
          if (signal?.aborted) end();
          if (over) return;
          // Some carriers serve whoever is gone for a moment longer.
          if (actor.dead && random.whole(0, 3) > 0) {
            over = true;
            forget();
            return;
          }
          const taken = carrier.take(actor, max, leaseMs);
          if (taken.length > 0 || time.now >= deadline) finish(taken);
          else time.after(Math.min(deadline, carrier.nextAt) - time.now, undefined, look);
        }
        look();
      });
    },

    settle: (_address, settlements) => each(settlements, (settlement) => carrier.settle(settlement)),
    extend: (_address, receipts, leaseMs) => each(receipts, (receipt) => carrier.extend(receipt, leaseMs)),
    async depth() {
      return { ready: 0, inFlight: 0, delayed: 0, dead: 0 };
    },
    deadLetters: {
      scan: async () => [],
      replay: async () => [],
      purge: async () => [],
      release: async () => [],
    },
    async provision() {},
    async verify() {},
    async close() {},
  };
}
