import { readDeadLetterReason } from '../../src/message/dead-letter.ts';
import { TransportError } from '../../src/transport/errors.ts';
import type {
  Headers,
  Incoming,
  Outgoing,
  Settlement,
  SettleOutcome,
} from '../../src/transport/transport.ts';
import type { Random } from '../fault/random.ts';
import type { Actor } from './virtual-time.ts';

/** How a carrier does what the waist leaves open. */
export interface CarrierKind {
  readonly name: string;
  readonly ordered: boolean;
  /** What is given back counts as a delivery, as on SQS. */
  readonly countsReleases: boolean;
  /** What is postponed goes on being counted, as on a FIFO queue. */
  readonly onlyHides: boolean;
  /** It says when a lease was lost; else a late settlement is `unverified`. */
  readonly tellsLost: boolean;
  /** Gives up what comes once more than that, whether it was answered or not, as SQS does; else what ends unanswered. */
  readonly givesUpAnswered: boolean;
}

/** Who is told what happens to messages inside the carrier. */
export interface CarrierTold {
  readonly dead: (id: string, code: string, attempts: number) => void;
  /** A lease has ended before its holder said anything. */
  readonly unanswered: (delivery: Delivery) => void;
  /** There are two copies of it from now on. */
  readonly doubled: (id: string) => void;
}

interface Copy {
  readonly message: Outgoing;
  readonly place: number;
  readonly enqueuedAt: number;
  deliveries: number;
  /** Nobody gets it before: it is in flight, or waits to be tried again. */
  hiddenUntil: number;
  /** The last handing-over, until it is answered. */
  current: Delivery | undefined;
}

/** One handing-over. */
export class Delivery {
  readonly copy: Copy;
  readonly holder: Actor;
  leaseUntil: number;
  constructor(copy: Copy, holder: Actor, leaseUntil: number) {
    this.copy = copy;
    this.holder = holder;
    this.leaseUntil = leaseUntil;
  }
}

/** After these it is to come again: late, they are refused. */
const AGAIN: ReadonlySet<Settlement['action']> = new Set(['retry', 'postpone', 'release']);

/** For how long a message sent again under its id is not stored again on an ordered topic, in ms. */
const DEDUPLICATED_MS = 300_000;

export type Carrier = ReturnType<typeof createCarrier>;

/**
 * One subscription as a carrier has it: a list of copies, and when each may be seen. The plainest thing that keeps what
 * the waist promises, and owes nothing to the drivers.
 */
export function createCarrier(
  kind: CarrierKind,
  maxDeliveries: number,
  random: Random,
  clock: { readonly now: number },
  told: CarrierTold,
) {
  const copies = new Set<Copy>();
  const sentAt = new Map<string, number>();
  /** When what was put off for certain may come again, by id. */
  const putOff = new Map<string, number>();
  const doubled = new Set<string>();
  const waiting = new Set<() => void>();
  let places = 0;

  function wake(): void {
    for (const look of [...waiting]) look();
  }

  function store(message: Outgoing): void {
    const { delayMs = 0 } = message;
    copies.add({
      message,
      place: places++,
      enqueuedAt: Date.now(),
      deliveries: 0,
      hiddenUntil: clock.now + delayMs,
      current: undefined,
    });
  }

  function double(message: Outgoing): void {
    doubled.add(message.id);
    putOff.delete(message.id);
    told.doubled(message.id);
    store(message);
  }

  function giveUp(copy: Copy, headers: Headers): void {
    copies.delete(copy);
    const { code, attempts } = readDeadLetterReason(headers);
    told.dead(copy.message.id, code, attempts);
  }

  /** Notices leases that have ended, and gives up what has been delivered too often. */
  function refresh(): void {
    for (const copy of copies) {
      if (copy.hiddenUntil > clock.now) continue;
      const unanswered = copy.current;
      if (unanswered !== undefined) {
        copy.current = undefined;
        told.unanswered(unanswered);
      }
      if ((unanswered !== undefined || kind.givesUpAnswered) && copy.deliveries >= maxDeliveries)
        giveUp(copy, {});
    }
  }

  /** What may be handed over, in the order in which it is. */
  function visible(): Copy[] {
    const free = [...copies].filter(({ hiddenUntil }) => hiddenUntil <= clock.now);
    if (!kind.ordered) return shuffle(free, random);
    const hidden = [...copies].filter(({ hiddenUntil }) => hiddenUntil > clock.now);
    const blocked = new Set(hidden.flatMap(({ message: { key } }) => key ?? []));
    const groups = Map.groupBy(
      free.filter(({ message: { key } }) => key === undefined || !blocked.has(key)),
      ({ message: { key }, place }) => key ?? place,
    );
    return shuffle([...groups.values()], random).flatMap((group) => group.sort((a, b) => a.place - b.place));
  }

  /** The delivery, if its copy is still there; its lease may be over. */
  function known(receipt: object): Delivery | undefined {
    return receipt instanceof Delivery && copies.has(receipt.copy) ? receipt : undefined;
  }

  function lost({ id }: { readonly id: string }): TransportError {
    return new TransportError('LeaseLost', `the lease of ${id} was over`);
  }

  function settleOne(delivery: Delivery, settlement: Settlement): SettleOutcome {
    const { copy } = delivery;
    const isHeld = copies.has(copy) && copy.current === delivery;
    const inTime = isHeld && delivery.leaseUntil > clock.now;
    if (!inTime) {
      if (kind.tellsLost || AGAIN.has(settlement.action)) {
        return lost(copy.message);
      }
      // Nobody knows whether it did.
      if (!isHeld) return 'unverified';
    }
    copy.current = undefined;
    switch (settlement.action) {
      case 'ack':
        copies.delete(copy);
        break;
      case 'deadLetter':
        giveUp(copy, settlement.headers);
        break;
      case 'release':
        copy.hiddenUntil = clock.now;
        if (!kind.countsReleases) copy.deliveries--;
        break;
      case 'postpone':
      case 'retry':
        copy.hiddenUntil = clock.now + settlement.delayMs;
        if (settlement.action === 'postpone' && !kind.onlyHides) copy.deliveries = 0;
        if (!doubled.has(copy.message.id)) putOff.set(copy.message.id, copy.hiddenUntil);
        break;
    }
    return inTime ? 'settled' : 'unverified';
  }

  return {
    kind,
    putOff: putOff as ReadonlyMap<string, number>,
    get empty(): boolean {
      refresh();
      return copies.size === 0;
    },
    /** When something may be seen that cannot be seen now. */
    get nextAt(): number {
      const hidden = [...copies].flatMap(({ hiddenUntil }) => (hiddenUntil > clock.now ? hiddenUntil : []));
      return Math.min(...hidden, Number.POSITIVE_INFINITY);
    },
    /** Calls back, until it is told not to, when something has come. */
    onMore(look: () => void): () => void {
      waiting.add(look);
      return () => waiting.delete(look);
    },

    send(message: Outgoing): void {
      const { id } = message;
      const before = sentAt.get(id);
      sentAt.set(id, clock.now);
      if (before !== undefined) {
        if (kind.ordered && clock.now - before < DEDUPLICATED_MS) return;
        double(message);
      } else store(message);
      wake();
    },

    /** Delivers one that is there once more, as a carrier may that promises no more than at least once. */
    double(id: string): void {
      const copy = [...copies].find(({ message }) => message.id === id);
      if (copy === undefined || kind.ordered) return;
      double(copy.message);
      wake();
    },

    take(holder: Actor, max: number, leaseMs: number): Incoming[] {
      refresh();
      return visible()
        .slice(0, max)
        .map((copy): Incoming => {
          const { id, body, headers, key } = copy.message;
          copy.deliveries++;
          copy.hiddenUntil = clock.now + leaseMs;
          const delivery = new Delivery(copy, holder, copy.hiddenUntil);
          copy.current = delivery;
          return {
            id,
            body,
            headers,
            ...(key !== undefined && { key }),
            deliveries: copy.deliveries,
            enqueuedAt: copy.enqueuedAt,
            leaseUntil: copy.hiddenUntil,
            receipt: delivery,
          };
        });
    },

    settle(settlement: Settlement): SettleOutcome {
      const { receipt } = settlement;
      if (!(receipt instanceof Delivery)) return new TransportError('Invalid', 'a receipt of somebody else');
      refresh();
      const outcome = settleOne(receipt, settlement);
      wake();
      return outcome;
    },

    extend(receipt: object, leaseMs: number): SettleOutcome {
      refresh();
      const delivery = known(receipt);
      if (delivery === undefined || delivery.copy.current !== delivery)
        return lost({ id: 'what was extended' });
      delivery.leaseUntil = clock.now + leaseMs;
      delivery.copy.hiddenUntil = delivery.leaseUntil;
      return 'settled';
    },
  };
}

function shuffle<One>(list: One[], random: Random): One[] {
  for (let last = list.length - 1; last > 0; last--) {
    const other = random.whole(0, last);
    const [one, two] = [list[last], list[other]];
    if (one !== undefined && two !== undefined) [list[last], list[other]] = [two, one];
  }
  return list;
}
