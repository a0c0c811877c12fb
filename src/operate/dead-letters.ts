import {
  type DeadLetterCode,
  type DeadLetterReason,
  readDeadLetterReason,
  replayHeaders,
  replaysOf,
} from '../message/dead-letter.ts';
import { emit } from '../observe/events.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import type { Address, DeadLetter, SettleOutcome, Transport } from '../transport/transport.ts';

/** A dead letter as an operator sees it. */
export interface DeadLetterView {
  readonly id: string;
  readonly reason: DeadLetterReason;
  /** How often it has been replayed before. */
  readonly replays: number;
  /** Unix time in ms; on SQS, when it came into the dead-letter queue. */
  readonly enqueuedAt: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** Which dead letters: those of these ids, of this reason, or all. */
export interface DeadLetterSelection {
  readonly ids?: readonly string[];
  readonly code?: DeadLetterCode;
}

/** What became of the selected ones. */
export interface DeadLetterResult {
  readonly done: readonly DeadLetterView[];
  readonly failed: readonly { readonly view: DeadLetterView; readonly error: TransportError }[];
}

/** How long what an operator looks at stays hidden from other operators, in ms. */
const LEASE_MS = 30_000;

/** Shows what stands in a subscription's dead-letter queue, and leaves it there. Rejects with a TransportError. */
export async function listDeadLetters(
  transport: Transport,
  address: Address,
  selection: DeadLetterSelection = {},
): Promise<DeadLetterView[]> {
  const { selected, others } = await scan(transport, address, selection);
  await release(transport, address, [...selected, ...others]);
  return selected.map(view);
}

/** Sends the selected ones back to their subscription: bytes and id kept, attempts counted anew. */
export function replayDeadLetters(
  transport: Transport,
  address: Address,
  selection: DeadLetterSelection = {},
): Promise<DeadLetterResult> {
  return withSelected(transport, address, selection, 'replayed', (letters) =>
    transport.deadLetters.replay(
      address,
      letters.map((letter) => ({ letter, headers: replayHeaders(letter.headers) })),
    ),
  );
}

/** Removes the selected ones for good. */
export function purgeDeadLetters(
  transport: Transport,
  address: Address,
  selection: DeadLetterSelection = {},
): Promise<DeadLetterResult> {
  return withSelected(transport, address, selection, 'purged', (letters) =>
    transport.deadLetters.purge(address, letters),
  );
}

async function withSelected(
  transport: Transport,
  address: Address,
  selection: DeadLetterSelection,
  event: 'replayed' | 'purged',
  act: (letters: readonly DeadLetter[]) => Promise<SettleOutcome[]>,
): Promise<DeadLetterResult> {
  const { selected, others } = await scan(transport, address, selection);
  await release(transport, address, others);
  const done: DeadLetterView[] = [];
  const failed: { view: DeadLetterView; error: TransportError }[] = [];
  for (const letters of inPieces(selected, transport.limits.settleEntries)) {
    const outcomes = await act(letters).catch((error: unknown) => letters.map(() => asTransportError(error)));
    for (const [index, letter] of letters.entries()) {
      const outcome = outcomes[index];
      if (outcome instanceof TransportError) failed.push({ view: view(letter), error: outcome });
      else {
        done.push(view(letter));
        emit({ event, ...address, id: letter.id });
      }
    }
  }
  return { done, failed };
}

async function scan(transport: Transport, address: Address, { ids, code }: DeadLetterSelection) {
  const selected: DeadLetter[] = [];
  const others: DeadLetter[] = [];
  for (;;) {
    const page = await transport.deadLetters.scan(address, {
      max: transport.limits.receiveEntries,
      leaseMs: LEASE_MS,
    });
    if (page.length === 0) return { selected, others };
    for (const letter of page) {
      const wanted =
        (ids === undefined || ids.includes(letter.id)) &&
        (code === undefined || readDeadLetterReason(letter.headers).code === code);
      (wanted ? selected : others).push(letter);
    }
  }
}

async function release(
  transport: Transport,
  address: Address,
  letters: readonly DeadLetter[],
): Promise<void> {
  for (const piece of inPieces(letters, transport.limits.settleEntries)) {
    // What cannot be given back now comes back by itself when its lease ends.
    await transport.deadLetters.release(address, piece).catch(() => undefined);
  }
}

function view({ id, body, headers, enqueuedAt }: DeadLetter): DeadLetterView {
  return {
    id,
    body,
    headers,
    enqueuedAt,
    reason: readDeadLetterReason(headers),
    replays: replaysOf(headers),
  };
}

function* inPieces<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let start = 0; start < items.length; start += size) yield items.slice(start, start + size);
}
