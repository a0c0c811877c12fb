import type { Dialect } from '../dialects/dialect.ts';
import type { Connection } from '../redis/connection.ts';
import { LIMITS } from '../redis/limits.ts';
import { integer, list, text } from '../redis/replies.ts';
import { expectAtMost, foreignReceipt, leaseLost } from '../refusals.ts';
import type { Receipt, Settlement, SettleOutcome } from '../transport.ts';
import type { ServerClock } from './clock.ts';
import type { Queue } from './directory.ts';
import { listOf } from './keys.ts';
import { ListReceipt, type Lot } from './receipt.ts';
import { EXTEND, SETTLE } from './scripts/settle.ts';

export interface Settler {
  readonly connection: Connection;
  readonly clock: ServerClock;
  readonly dialect: Dialect<string>;
}

/** What is asked about the deliveries of one lot. */
class LotAsked {
  readonly lot: Lot;
  readonly receipts: ListReceipt[] = [];
  /** Where each stands in the call. */
  readonly indexes: number[] = [];
  /** Places of those that are acknowledged, or extended. */
  readonly places: number[] = [];
  /** Endings of the others, as the script takes them. */
  readonly others: (string | number)[] = [];
  constructor(lot: Lot) {
    this.lot = lot;
  }

  get placesText(): string {
    return this.places.length === this.lot.size ? '*' : this.places.join(',');
  }
}

/** Ends deliveries, lot by lot, all in one script. */
export async function settle(
  { connection, clock, dialect }: Settler,
  { keys }: Queue,
  settlements: readonly Settlement[],
): Promise<SettleOutcome[]> {
  const outcomes: SettleOutcome[] = new Array<SettleOutcome>(settlements.length).fill('settled');
  const buries = settlements.some(({ action }) => action === 'deadLetter');
  const now = buries ? await clock.now() : 0;
  const receipts = settlements.map(({ receipt }) => receipt);
  while (receipts.some(extensionOf)) await Promise.all(receipts.map(extensionOf));
  const lots = byLot(receipts, outcomes, ({ id }) => leaseLost(id));
  if (lots.length === 0) return outcomes;
  const args: (string | number)[] = [];
  for (const asked of lots) {
    for (const [index, receipt] of asked.receipts.entries()) {
      const settlement = settlements[asked.indexes[index] ?? 0];
      if (settlement === undefined) continue;
      if (settlement.action === 'ack') asked.places.push(receipt.place);
      else asked.others.push(receipt.place, settlement.action, ...ending(settlement, receipt));
    }
    args.push(asked.lot.id, asked.placesText, asked.others.length / 4, ...asked.others);
  }

  /** How long until it is ready again, and what the entry is from now on. */
  function ending(settlement: Settlement, receipt: ListReceipt): [delayMs: number, native: string] {
    const { native, headers } = receipt;
    if (settlement.action === 'deadLetter') {
      const all = { ...headers, ...settlement.headers };
      return [0, dialect.dead(native, { headers: all, queue: keys.queue, now })];
    }
    if (settlement.action === 'postpone') return [settlement.delayMs, ''];
    if (settlement.action !== 'retry') return [0, ''];
    const next = dialect.retry(native);
    return [settlement.delayMs, next === native ? '' : next];
  }

  const { queue, dead, delayed, leases, lots: hash, returned } = keys;
  const lists = lots.map(({ lot }) => lot.list);
  const reply = await connection.run(SETTLE, [queue, dead, delayed, leases, hash, returned, ...lists], args);
  for (const { receipts } of lots) for (const receipt of receipts) receipt.over = true;
  lose(lots, list(reply), outcomes);
  return outcomes;
}

/** Makes leases end later. `nextToken`: what the id of a new lot begins with, beside that of an old one. */
export async function extend(
  connection: Connection,
  { keys }: Queue,
  receipts: readonly Receipt[],
  { leaseMs, nextToken }: { readonly leaseMs: number; readonly nextToken: (id: string) => string },
): Promise<SettleOutcome[]> {
  const outcomes: SettleOutcome[] = new Array<SettleOutcome>(receipts.length).fill('settled');
  while (receipts.some(extensionOf)) await Promise.all(receipts.map(extensionOf));
  const lots = byLot(receipts, outcomes, () => 'settled');
  if (lots.length === 0) return outcomes;
  for (const asked of lots) asked.places.push(...asked.receipts.map(({ place }) => place));
  const tokens = lots.map(({ lot }) => nextToken(lot.id));
  const lists = tokens.map((token) => listOf(keys, token));
  const ours = lots.flatMap((asked) => asked.receipts);
  const extending = connection
    .run(
      EXTEND,
      [keys.leases, keys.lots, keys.consumers, ...lots.flatMap(({ lot }, at) => [lot.list, lists[at] ?? ''])],
      [leaseMs, ...lots.flatMap((asked, at) => [asked.lot.id, asked.placesText, tokens[at] ?? ''])],
    )
    .then((reply) => moveTo(lots, lists, list(reply), outcomes));
  const end = (): void => {
    for (const receipt of ours) receipt.extending = undefined;
  };
  const ended = extending.then(end, end);
  for (const receipt of ours) receipt.extending = ended;
  await extending;
  return outcomes;
}

/** Notes what an extension has lost, and which lot and place those have now whose lot was divided. */
function moveTo(
  lots: readonly LotAsked[],
  lists: readonly string[],
  [lost, divided]: readonly unknown[],
  outcomes: SettleOutcome[],
): void {
  for (const receipt of lose(lots, list(lost), outcomes)) receipt.over = true;
  const news = list(divided);
  for (let index = 0; index < news.length; index += 2) {
    const at = integer(news[index]) - 1;
    const ours = lots[at]?.receipts.filter(({ over }) => !over) ?? [];
    const lot = { id: text(news[index + 1]), size: ours.length, list: lists[at] ?? '' };
    for (const [place, receipt] of ours.entries()) {
      receipt.lot = lot;
      receipt.place = place + 1;
    }
  }
}

/**
 * The extension of a delivery that is under way: it may give it another lot, and place. What is asked before its answer is
 * there would be about the old one.
 */
function extensionOf(receipt: Receipt): Promise<void> | undefined {
  return receipt instanceof ListReceipt ? receipt.extending : undefined;
}

/** Gathers what is ours by lot; the rest has its outcome at once. `again`: of one that is named twice, what the second time is. */
function byLot(
  receipts: readonly Receipt[],
  outcomes: SettleOutcome[],
  again: (receipt: ListReceipt) => SettleOutcome,
): LotAsked[] {
  expectAtMost(LIMITS.settleEntries, receipts.length, 'deliveries');
  const lots = new Map<Lot, LotAsked>();
  const seen = new Set<Receipt>();
  let last: LotAsked | undefined;
  for (const [index, receipt] of receipts.entries()) {
    if (!(receipt instanceof ListReceipt)) {
      outcomes[index] = foreignReceipt('redis+list');
    } else if (receipt.over) {
      outcomes[index] = leaseLost(receipt.id);
    } else if (seen.has(receipt)) {
      outcomes[index] = again(receipt);
    } else {
      seen.add(receipt);
      const { lot } = receipt;
      // Those of a lot come together as a rule.
      if (last?.lot !== lot) {
        last = lots.get(lot) ?? new LotAsked(lot);
        lots.set(lot, last);
      }
      last.receipts.push(receipt);
      last.indexes.push(index);
    }
  }
  return [...lots.values()];
}

/** Notes what the server says is not ours any more: number of the lot from 1, and place, 0 for all of it. */
function lose(lots: readonly LotAsked[], lost: readonly unknown[], outcomes: SettleOutcome[]): ListReceipt[] {
  const gone: ListReceipt[] = [];
  for (let at = 0; at < lost.length; at += 2) {
    const asked = lots[integer(lost[at]) - 1];
    const place = integer(lost[at + 1]);
    for (const [index, receipt] of asked?.receipts.entries() ?? []) {
      if (place !== 0 && receipt.place !== place) continue;
      outcomes[asked?.indexes[index] ?? 0] = leaseLost(receipt.id);
      gone.push(receipt);
    }
  }
  return gone;
}
