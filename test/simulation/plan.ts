import { createRandom, type Random, seedOf } from '../fault/random.ts';
import type { CarrierKind } from './carrier.ts';
import { type Disturbance, UNDISTURBED } from './line.ts';
import type { Behaviour, WorkData } from './work.ts';

const KINDS: readonly [CarrierKind, ...CarrierKind[]] = [
  {
    name: 'streams',
    ordered: false,
    countsReleases: false,
    onlyHides: false,
    tellsLost: true,
    givesUpAnswered: false,
  },
  {
    name: 'queues',
    ordered: false,
    countsReleases: true,
    onlyHides: false,
    tellsLost: false,
    givesUpAnswered: true,
  },
  {
    name: 'in order',
    ordered: true,
    countsReleases: false,
    onlyHides: false,
    tellsLost: true,
    givesUpAnswered: false,
  },
  {
    name: 'fifo',
    ordered: true,
    countsReleases: true,
    onlyHides: true,
    tellsLost: false,
    givesUpAnswered: true,
  },
];

/** What runs the consumers. */
export type Host = 'worker' | 'drain' | 'function';

/** Something done to one of the consumers. In virtual ms. */
export interface Incident {
  readonly at: number;
  readonly consumer: number;
  readonly what: 'crash' | 'close' | 'stall' | 'double';
  /** Of a stall; the deadline of a close. */
  readonly ms: number;
}

export interface Planned {
  readonly id: string;
  readonly at: number;
  readonly key?: string;
  readonly delayMs?: number;
  readonly data: WorkData;
}

/** What happens in one run, all drawn from its seed. Durations in ms. */
export interface Plan {
  readonly seed: number;
  readonly kind: CarrierKind;
  readonly host: Host;
  readonly consumers: number;
  readonly concurrency: number;
  readonly prefetch: number | undefined;
  /** Of one call. */
  readonly entries: number;
  readonly maxAttempts: number;
  readonly baseMs: number;
  readonly leaseMs: number;
  readonly handlerTimeoutMs: number;
  /** Until a dead process is replaced, at most. */
  readonly restartMs: number;
  readonly messages: readonly Planned[];
  readonly incidents: readonly Incident[];
  readonly disturbance: Disturbance;
  /** Nothing is done to anybody from then on. */
  readonly calmAt: number;
  /** Nothing but the messages themselves goes wrong. */
  readonly calm: boolean;
}

export function drawPlan(seed: number): Plan {
  const random = createRandom(seedOf(seed, 'plan'));
  const { whole, pick } = random;
  const one = (in_: number): boolean => whole(1, in_) === 1;
  const kind = pick(KINDS);
  const host = pick<Host>(
    kind.countsReleases ? ['worker', 'worker', 'function'] : ['worker', 'worker', 'drain'],
  );
  const consumers = whole(1, 3);
  const calm = one(4);
  const maxAttempts = whole(1, 4);
  const calmAt = whole(2, 12) * 1_000;
  const leaseMs = whole(2, 8) * 500;
  const kills = one(8);
  const keys = whole(1, 4);
  const messages = Array.from({ length: whole(4, 16) }, (_, n): Planned => {
    const key = kind.ordered && !one(6) ? `k${whole(1, keys)}` : undefined;
    return {
      id: `m${n}`,
      at: whole(0, calmAt / 2),
      ...(key !== undefined && { key }),
      ...(!kind.ordered && one(12) && { delayMs: whole(1, 5_000) }),
      data: spared(drawData(random, maxAttempts, kills && n === 1), kills && kind.onlyHides),
    };
  }).sort((a, b) => a.at - b.at);
  const what = ['crash', 'crash', 'close', 'close', 'stall', 'double'] as const;
  return {
    seed,
    kind,
    host,
    consumers,
    concurrency: whole(1, 6),
    prefetch: one(2) ? undefined : whole(0, 6),
    entries: pick([1, 2, 10, 10, 100]),
    maxAttempts,
    baseMs: pick([1, 50, 500]),
    leaseMs,
    handlerTimeoutMs: 20_000,
    restartMs: 3_000,
    messages,
    incidents: calm
      ? []
      : Array.from({ length: whole(0, 6) }, () => {
          const drawn = pick(what);
          return {
            at: whole(0, calmAt),
            consumer: whole(0, consumers - 1),
            what: drawn,
            ms: drawn === 'stall' ? whole(100, 5_000) : pick([0, 500, 25_000]),
          };
        }),
    disturbance:
      calm || one(3)
        ? UNDISTURBED
        : {
            refused: pick([0, 20, 200]),
            unheard: pick([0, 20, 100]),
            slow: pick([0, 0, 20]),
            inPart: pick([0, 50, 200]),
          },
    calmAt,
    calm,
  };
}

/**
 * Several messages, one of which ends each process that begins on it. How often it comes is bounded by the carrier alone.
 */
export function drawKillerPlan(seed: number): Plan {
  const random = createRandom(seedOf(seed, 'killer'));
  const { whole, pick } = random;
  const count = whole(3, 25);
  const killer = whole(0, count - 1);
  const keys = whole(1, 8);
  const plan = drawPlan(seed);
  const entries = plan.kind.countsReleases ? 10 : 100;
  return {
    ...plan,
    concurrency: pick([1, 5, 10]),
    prefetch: undefined,
    entries,
    maxAttempts: whole(1, 5),
    baseMs: 100,
    leaseMs: 2_000,
    // Sooner, or later, than the leases of the dead end.
    restartMs: pick([200, 10_000]),
    incidents: [],
    disturbance: UNDISTURBED,
    calm: true,
    messages: Array.from(
      { length: count },
      (_, n): Planned => ({
        id: `m${n}`,
        at: whole(0, 2_000),
        ...(plan.kind.ordered && { key: `k${n === killer ? 1 : whole(1, keys)}` }),
        data: { does: n === killer ? 'kills' : 'works', workMs: pick([0, 50, 300]), until: 0 },
      }),
    ).sort((a, b) => a.at - b.at),
  };
}

/** Behind one that kills it may have no deliveries left to be postponed with. */
function spared(data: WorkData, hasNoneLeft: boolean): WorkData {
  return hasNoneLeft && data.does === 'postpones' ? { ...data, does: 'works' } : data;
}

function drawData({ whole, pick }: Random, maxAttempts: number, kills: boolean): WorkData {
  const often: readonly [Behaviour, ...Behaviour[]] = [
    'at once',
    'works',
    'works',
    'works',
    'fails',
    'hangs',
  ];
  const rare: readonly [Behaviour, ...Behaviour[]] = ['asks for later', 'postpones', 'poison', 'rejects'];
  const does = kills ? 'kills' : whole(1, 5) > 1 ? pick(often) : pick(rare);
  return {
    does,
    workMs: pick([0, 5, 50, 300, 2_000]),
    until: whole(0, maxAttempts - 1),
  };
}
