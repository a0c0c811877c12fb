import { asTransportError, TransportError } from '../errors.ts';
import { leaseLost } from '../refusals.ts';
import type { SettleOutcome } from '../transport.ts';
import { deleteBatch, type EntryErrors, hideBatch, sendBatch } from './batches.ts';
import type { Connection } from './connection.ts';
import { type Destination, type LaidOut, layOutAgain, layOutLater } from './fields.ts';
import { LIMITS } from './limits.ts';
import type { Carried, SqsReceipt } from './receipt.ts';

/**
 * How a delivery ends, in what SQS can do: delete it; hide it for a while; store it elsewhere and delete it; or store it
 * in its own queue, to be shown later, and delete it. A FIFO queue delays no single message: there it is hidden.
 */
export type Ending = { readonly receipt: SqsReceipt } & (
  | { readonly action: 'remove' }
  | { readonly action: 'hide'; readonly ms: number }
  | { readonly action: 'move'; readonly message: Carried }
  | { readonly action: 'postpone'; readonly ms: number }
);

/** Between which queues deliveries end. */
export interface Way {
  readonly from: string;
  readonly to: string;
  readonly destination: Destination;
  /** Whether they are FIFO queues. */
  readonly ordered: boolean;
}

/**
 * Ends deliveries of the queue `from`; what moves is stored in `to`, and what is postponed in `from`, before it is
 * deleted. At most one request to hide, one to delete, and as many to store as 1 MiB each asks for.
 */
export async function endDeliveries(
  connection: Connection,
  { from, to, destination, ordered }: Way,
  endings: readonly (Ending | TransportError)[],
): Promise<SettleOutcome[]> {
  if (endings.length > LIMITS.settleEntries) {
    throw new TransportError(
      'Invalid',
      `${endings.length} deliveries in one call: SQS takes ${LIMITS.settleEntries}`,
    );
  }
  const round = createRound(endings.length);
  const removals: Delivery[] = [];
  const hides: (Delivery & { readonly seconds: number })[] = [];
  const moves: Copy[] = [];
  const postponed: Copy[] = [];
  for (const [place, ending] of endings.entries()) {
    if (ending instanceof TransportError) {
      round.fail(place, ending);
      continue;
    }
    const { receipt } = ending;
    if (ending.action === 'hide' || (ending.action === 'postpone' && ordered)) {
      hides.push({ place, receipt, seconds: receipt.secondsFor(ending.ms) });
    } else if (ending.action === 'remove' || receipt.stored) {
      removals.push({ place, receipt });
    } else if (ending.action === 'postpone' && receipt.leaseUntil <= performance.now()) {
      // It comes again by itself, or another has it: a copy would be one more each time.
      round.fail(place, leaseLost(receipt.message.id));
    } else {
      const isMove = ending.action === 'move';
      const laidOut = isMove
        ? layOutAgain(ending.message, ordered, destination)
        : layOutLater(receipt.message, ending.ms);
      if (laidOut instanceof TransportError) round.fail(place, laidOut);
      else (isMove ? moves : postponed).push({ place, receipt, ...laidOut });
    }
  }

  function store(queue: string, copies: readonly Copy[]): Promise<readonly Copy[]>[] {
    return chunks(copies).map((chunk) => {
      const entries = chunk.map(({ fields }) => fields);
      return round.ask(chunk, () => sendBatch(connection, queue, entries));
    });
  }

  async function storeAndRemove(): Promise<void> {
    const stored = (await Promise.all([...store(to, moves), ...store(from, postponed)])).flat();
    for (const { receipt } of stored) receipt.stored = true;
    const all = [...removals, ...stored];
    const receipts = all.map(({ receipt }) => receipt);
    await round.end(all, () => deleteBatch(connection, from, receipts));
  }

  await Promise.all([round.end(hides, () => hideBatch(connection, from, hides)), storeAndRemove()]);
  return round.outcomes();
}

/** A delivery, and the place of its outcome in the answer. */
interface Delivery {
  readonly place: number;
  readonly receipt: SqsReceipt;
}

type Copy = Delivery & LaidOut;

/** The requests that end some deliveries together, and what became of each delivery. */
function createRound(count: number) {
  const outcomes: SettleOutcome[] = new Array(count);
  let answered = false;
  let rejection: TransportError | undefined;

  /** Sends one request about these; resolves to those it succeeded for. */
  async function ask<One extends Delivery>(
    ones: readonly One[],
    request: () => Promise<EntryErrors>,
    askedAt = performance.now(),
  ): Promise<readonly One[]> {
    if (ones.length === 0) return ones;
    let errors: EntryErrors;
    try {
      errors = await request();
      answered = true;
    } catch (error) {
      const failure = asTransportError(error);
      rejection ??= failure;
      errors = ones.map(() => failure);
      for (const { receipt } of ones) receipt.askedInVain(askedAt);
    }
    return ones.filter(({ place }, index) => {
      const error = errors[index];
      if (error !== undefined) outcomes[place] = error;
      return error === undefined;
    });
  }

  return {
    ask,

    fail(place: number, error: TransportError): void {
      outcomes[place] = error;
    },

    /** The same, for the request that ends them: where SQS reports success they are not ours any more. */
    async end(ones: readonly Delivery[], request: () => Promise<EntryErrors>): Promise<void> {
      const askedAt = performance.now();
      for (const { place, receipt } of await ask(ones, request, askedAt)) {
        outcomes[place] = receipt.outcome(askedAt);
        receipt.leaseUntil = 0;
      }
    },

    /** Rejects when no request was answered at all. */
    outcomes(): SettleOutcome[] {
      if (rejection !== undefined && !answered) throw rejection;
      return outcomes;
    },
  };
}

/** Cuts a list so that each part is within the bytes of one request. */
function chunks<One extends LaidOut>(messages: readonly One[]): One[][] {
  const parts: One[][] = [];
  let part: One[] = [];
  let bytes = 0;
  for (const message of messages) {
    if (part.length === 0 || bytes + message.bytes > LIMITS.sendBytes) {
      part = [];
      bytes = 0;
      parts.push(part);
    }
    part.push(message);
    bytes += message.bytes;
  }
  return parts;
}
