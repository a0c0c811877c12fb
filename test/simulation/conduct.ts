import type { RetryPolicy } from '../../src/consume/retry-policy.ts';
import { readDeadLetterReason } from '../../src/message/dead-letter.ts';
import { TransportError } from '../../src/transport/errors.ts';
import type {
  Incoming,
  Receipt,
  Settlement,
  SettleOutcome,
  Transport,
} from '../../src/transport/transport.ts';
import type { Report } from '../fault/ledger/entry.ts';

/** How a delivery has to be settled after what its handler did. Delays in ms. */
export type Owed =
  | { readonly action: 'ack' | 'deadLetter' }
  | { readonly action: 'retry' | 'postpone'; readonly leastMs: number; readonly mostMs: number };

/** One handler at work. */
export interface Work {
  readonly id: string;
  readonly attempt: number;
  over: boolean;
}

interface Held {
  readonly id: string;
  asked: Settlement['action'] | undefined;
  settled: boolean;
  unverified: boolean;
}

export interface ConductOptions {
  readonly concurrency: number;
  readonly retry: RetryPolicy;
  readonly wrong: (what: string) => void;
  readonly report: (said: Report) => void;
}

/** Watches what one process does with what it was handed, at the waist and at its handlers: by what it has to do. */
export interface Conduct {
  witness(transport: Transport): Transport;
  /** Where no transport does: what was received, what is asked for it, and what the carrier answers. */
  handedOver(deliveries: readonly Incoming[]): void;
  asks(settlement: Settlement): void;
  answered(settlement: Settlement, outcome: SettleOutcome | undefined): void;
  isSettled(receipt: Receipt): boolean;
  /** The carrier could not say whether it was settled. */
  isUnverified(receipt: Receipt): boolean;
  begun(id: string, attempt: number): Work;
  /** The handler has answered, or need not any more. */
  ended(work: Work, owed: Owed): void;
  /** What a failure at this attempt asks for; `counts`: it may be the last. */
  afterFailure(attempt: number, counts?: boolean): Owed;
  /** Received, and never given back or settled in any way. */
  readonly forgotten: readonly string[];
  readonly atWork: number;
}

export function createConduct({ concurrency, retry, wrong, report }: ConductOptions): Conduct {
  const held = new Map<Receipt, Held>();
  const atWork = new Set<Work>();
  const owed = new Map<string, Owed[]>();
  /** Begun, and not yet said how it ends. */
  const open = new Map<string, number>();

  function unasked(id: string): number {
    let count = 0;
    for (const one of held.values()) if (one.id === id && one.asked === undefined) count++;
    return count;
  }

  function fits(one: Owed | undefined, settlement: Settlement): boolean {
    if (one?.action !== settlement.action) return false;
    if (!('leastMs' in one) || !('delayMs' in settlement)) return true;
    return settlement.delayMs >= one.leastMs && settlement.delayMs <= one.mostMs;
  }

  function handedOver(deliveries: readonly Incoming[]): void {
    for (const { receipt, id } of deliveries) {
      held.set(receipt, { id, asked: undefined, settled: false, unverified: false });
    }
  }

  function answered(settlement: Settlement, outcome: SettleOutcome | undefined): void {
    const one = held.get(settlement.receipt);
    if (one === undefined) return;
    if (outcome === 'settled') one.settled = true;
    if (outcome === 'unverified') one.unverified = true;
    report({
      what: 'settled',
      id: one.id,
      action: settlement.action,
      ...('delayMs' in settlement && { delayMs: settlement.delayMs }),
      outcome: outcome instanceof TransportError ? outcome.code : (outcome ?? 'nothing'),
    });
  }

  function asks(settlement: Settlement): void {
    const one = held.get(settlement.receipt);
    const { action } = settlement;
    if (one === undefined) {
      wrong(`asks to ${action} what it was never handed`);
      return;
    }
    const { id } = one;
    if (one.settled) wrong(`asks to ${action} ${id}, which is settled`);
    if (one.asked !== undefined) {
      if (one.asked !== action) wrong(`asks to ${action} ${id}, after it asked to ${one.asked} it`);
      return;
    }
    const begun = open.get(id) ?? 0;
    if (action === 'release') {
      if (begun >= unasked(id)) wrong(`gives back ${id}, on which its handler began`);
      one.asked = action;
      return;
    }
    one.asked = action;
    // What has ended too many processes is given up without one more: whether rightly is not known here.
    if (settlement.action === 'deadLetter') {
      if (readDeadLetterReason(settlement.headers).code === 'undelivered') return;
    }
    const all = owed.get(id) ?? [];
    // The narrowest: what two of its deliveries ask for may overlap.
    const [place] = [...all.keys()]
      .filter((index) => fits(all[index], settlement))
      .sort((a, b) => widthOf(all[a]) - widthOf(all[b]));
    if (place === undefined) {
      const delay = 'delayMs' in settlement ? ` after ${settlement.delayMs} ms` : '';
      wrong(`asks to ${action} ${id}${delay}: expected ${JSON.stringify(all)}`);
      return;
    }
    all.splice(place, 1);
    open.set(id, begun - 1);
  }

  return {
    handedOver,
    asks,
    answered,
    isSettled: (receipt) => held.get(receipt)?.settled ?? false,
    isUnverified: (receipt) => held.get(receipt)?.unverified ?? false,
    witness(transport) {
      return {
        ...transport,
        async receive(address, options) {
          const received: Incoming[] = await transport.receive(address, options);
          if (received.length > options.max) wrong(`received ${received.length} of ${options.max}`);
          handedOver(received);
          return received;
        },
        async settle(address, settlements) {
          for (const settlement of settlements) asks(settlement);
          const outcomes: SettleOutcome[] = await transport.settle(address, settlements);
          for (const [place, settlement] of settlements.entries()) answered(settlement, outcomes[place]);
          return outcomes;
        },
        async extend(address, receipts, leaseMs) {
          for (const receipt of receipts) {
            const one = held.get(receipt);
            if (one?.asked !== undefined) wrong(`extends ${one.id}, after it asked to ${one.asked} it`);
          }
          return transport.extend(address, receipts, leaseMs);
        },
      };
    },

    begun(id, attempt) {
      if ((open.get(id) ?? 0) >= unasked(id)) wrong(`begins on ${id}, which it was not handed`);
      if (atWork.size >= concurrency)
        wrong(`begins on ${id} while ${atWork.size} of ${concurrency} are at work`);
      const isSuspect = (one: number): boolean => one > retry.maxAttempts;
      const others = [...atWork];
      if (others.length > 0 && (isSuspect(attempt) || others.some((one) => isSuspect(one.attempt)))) {
        wrong(
          `begins on ${id}, attempt ${attempt}, beside ${others.map((one) => `${one.id} (${one.attempt})`)}`,
        );
      }
      const work: Work = { id, attempt, over: false };
      atWork.add(work);
      open.set(id, (open.get(id) ?? 0) + 1);
      return work;
    },

    ended(work, one) {
      if (work.over) return;
      work.over = true;
      atWork.delete(work);
      owed.set(work.id, [...(owed.get(work.id) ?? []), one]);
    },

    afterFailure(attempt, counts = true) {
      if (counts && attempt >= retry.maxAttempts) return { action: 'deadLetter' };
      return {
        action: 'retry',
        leastMs: 0,
        mostMs: Math.min(retry.maxMs, retry.baseMs * 2 ** (attempt - 1)),
      };
    },

    get forgotten() {
      return [...held.values()].flatMap(({ id, asked }) => (asked === undefined ? id : []));
    },
    get atWork() {
      return atWork.size;
    },
  };
}

function widthOf(owed: Owed | undefined): number {
  return owed !== undefined && 'leastMs' in owed ? owed.mostMs - owed.leastMs : 0;
}
