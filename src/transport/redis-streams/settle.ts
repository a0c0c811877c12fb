import { TransportError } from '../errors.ts';
import { ANSWER_TIMEOUT } from '../redis/client.ts';
import type { Connection } from '../redis/connection.ts';
import { isMissingGroup, scriptError } from '../redis/errors.ts';
import { LIMITS } from '../redis/limits.ts';
import { integer, list } from '../redis/replies.ts';
import { expectAtMost, foreignReceipt, leaseLost } from '../refusals.ts';
import type { Receipt, Settlement, SettleOutcome } from '../transport.ts';
import type { SubscriptionPlace } from './directory.ts';
import type { Layout } from './layout.ts';
import { type Lot, RedisReceipt } from './receipt.ts';
import { EXTEND } from './scripts/settle.ts';

interface Ending {
  readonly place: number;
  readonly receipt: RedisReceipt;
}

/** What is asked about entries of a lot. */
interface LotAsked {
  readonly lot: Lot;
  readonly acks: Ending[];
  /** Something else becomes of some. */
  spread: boolean;
}

/** The lots of a call; entries of one come together as a rule. */
function gatherLots() {
  const all = new Map<Lot, LotAsked>();
  let last: LotAsked | undefined;
  return {
    all,
    of(lot: Lot): LotAsked {
      if (last?.lot === lot) return last;
      last = all.get(lot) ?? { lot, acks: [], spread: false };
      all.set(lot, last);
      return last;
    },
  };
}

function placesOf(endings: readonly Ending[]): string[] {
  return endings.map(({ receipt }) => receipt.place);
}

/** Ends deliveries in one script: what is acknowledged in the stream together, the others one by one. */
export async function settle(
  connection: Connection,
  { name, keys }: SubscriptionPlace,
  settlements: readonly Settlement[],
  retentionMs: number,
  layout: Pick<Layout, 'settle' | 'letter'>,
): Promise<SettleOutcome[]> {
  expectAtMost(LIMITS.settleEntries, settlements.length, 'deliveries');
  const outcomes: SettleOutcome[] = new Array<SettleOutcome>(settlements.length).fill('settled');
  const pending: Ending[] = [];
  const lots = gatherLots();
  const others: Ending[] = [];
  const args: (string | number)[] = [];
  let leaseUntil = Number.POSITIVE_INFINITY;

  function argumentOf(settlement: Settlement, receipt: RedisReceipt): string | number {
    if ('delayMs' in settlement) return settlement.delayMs;
    if (settlement.action !== 'deadLetter') return '';
    return layout.letter(receipt, { ...receipt.frame.headers, ...settlement.headers }, keys.stream);
  }

  for (const [place, settlement] of settlements.entries()) {
    const { receipt, action } = settlement;
    if (!(receipt instanceof RedisReceipt)) {
      outcomes[place] = foreignReceipt('redis');
    } else if (receipt.over) {
      outcomes[place] = leaseLost(receipt.frame.id);
    } else if (action === 'ack' && receipt.token === undefined) {
      const { lot } = receipt;
      (lot === undefined ? pending : lots.of(lot).acks).push({ place, receipt });
      if (receipt.leaseUntil < leaseUntil) leaseUntil = receipt.leaseUntil;
    } else {
      others.push({ place, receipt });
      if (receipt.lot !== undefined) lots.of(receipt.lot).spread = true;
      args.push(receipt.token ?? '', receipt.place, action, argumentOf(settlement, receipt));
    }
  }
  const lotArgs: (string | number)[] = [];
  const acks: Ending[] = [];
  for (const { lot, acks: own, spread } of lots.all.values()) {
    if (spread) pending.push(...own);
    else acks.push(...own);
    const ended = spread ? [] : own;
    lotArgs.push(lot.token, lot.size, ended.length, ...placesOf(ended));
  }
  acks.push(...pending);
  if (acks.length + others.length === 0) return outcomes;

  // No lease can have ended when the script runs, or else its answer is not waited for any more.
  const certain = leaseUntil > performance.now() + ANSWER_TIMEOUT;
  const reply = await connection.run(
    layout.settle,
    [keys.stream, keys.waiting, keys.leased, keys.bodies, keys.states, keys.dead, keys.shown, keys.lots],
    [
      name,
      certain ? 1 : 0,
      retentionMs,
      lots.all.size,
      ...lotArgs,
      pending.length,
      ...placesOf(pending),
      ...args,
    ],
  );
  const [acknowledged, ended] = list(reply);
  if (certain) {
    const count = integer(acknowledged);
    for (const { place, receipt } of acks) {
      receipt.over = true;
      // Some of them were not pending any more, though their lease has not ended: the server lost data.
      if (count < acks.length) outcomes[place] = count === 0 ? leaseLost(receipt.frame.id) : 'unverified';
    }
  } else {
    answer(connection, outcomes, acks, list(acknowledged));
  }
  answer(connection, outcomes, others, list(ended));
  return outcomes;
}

/** Makes leases end later: entries by claiming them anew, for a consumer whose name says how long. */
export async function extend(
  connection: Connection,
  { name, keys }: SubscriptionPlace,
  receipts: readonly Receipt[],
  { consumer, leaseMs }: { readonly consumer: string; readonly leaseMs: number },
): Promise<SettleOutcome[]> {
  expectAtMost(LIMITS.settleEntries, receipts.length, 'deliveries');
  const outcomes: SettleOutcome[] = new Array<SettleOutcome>(receipts.length).fill('settled');
  const entries: Ending[] = [];
  const held: Ending[] = [];
  const lots = new Set<string>();
  for (const [place, receipt] of receipts.entries()) {
    if (!(receipt instanceof RedisReceipt)) outcomes[place] = foreignReceipt('redis');
    else if (receipt.over) outcomes[place] = leaseLost(receipt.frame.id);
    else (receipt.token === undefined ? entries : held).push({ place, receipt });
    if (receipt instanceof RedisReceipt && receipt.lot !== undefined) lots.add(receipt.lot.token);
  }
  if (entries.length + held.length === 0) return outcomes;

  const askedAt = performance.now();
  const reply = await connection
    .run(
      EXTEND,
      [keys.stream, keys.leased, keys.states, keys.lots],
      [
        name,
        consumer,
        leaseMs,
        lots.size,
        ...lots,
        entries.length,
        ...placesOf(entries),
        ...held.flatMap(({ receipt }) => [receipt.token ?? '', receipt.place]),
      ],
    )
    .catch((error: unknown) => {
      if (error instanceof TransportError && isMissingGroup(error.cause)) return [[], held.map(() => 0)];
      throw error;
    });
  const [claimed, ours] = list(reply);
  const claimedIds = new Set(list(claimed));
  for (const { place, receipt } of entries) {
    if (!claimedIds.has(receipt.place)) outcomes[place] = over(receipt);
  }
  for (const [index, { place, receipt }] of held.entries()) {
    if (list(ours)[index] !== 1) outcomes[place] = over(receipt);
  }
  for (const { place, receipt } of [...entries, ...held]) {
    if (outcomes[place] === 'settled') receipt.leaseUntil = askedAt + leaseMs;
  }
  return outcomes;
}

/** 1: settled; 0: no longer ours; else what the server said about it. */
function answer(
  connection: Connection,
  outcomes: SettleOutcome[],
  endings: readonly Ending[],
  answers: readonly unknown[],
): void {
  for (const [index, { place, receipt }] of endings.entries()) {
    const one = answers[index];
    if (one === 1) receipt.over = true;
    else if (one === 0 || isMissingGroup(one)) outcomes[place] = over(receipt);
    else outcomes[place] = scriptError(String(one), connection.place);
  }
}

function over(receipt: RedisReceipt): TransportError {
  receipt.over = true;
  return leaseLost(receipt.frame.id);
}
