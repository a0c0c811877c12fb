import {
  type DeadLetterCode,
  type DeadLetterReason,
  readDeadLetterReason,
  replaysOf,
} from '../message/dead-letter.ts';
import { emit } from '../observe/events.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { pause } from '../time/backoff.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import { inPieces } from '../transport/in-pieces.ts';
import type { Address, DeadLetter, SettleOutcome, Transport } from '../transport/transport.ts';
import { fingerprintOf } from './fingerprint.ts';
import { createReplayHeaders } from './replay-headers.ts';

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

/** Which dead letters: those of these ids, of this reason, that died of the same, or all; all that is given counts. */
export interface DeadLetterSelection {
  readonly ids?: readonly string[];
  readonly code?: DeadLetterCode;
  /** Of a group; see `groupDeadLetters`. */
  readonly fingerprint?: string;
}

/** What became of the selected ones. */
export interface DeadLetterResult {
  readonly done: readonly DeadLetterView[];
  readonly failed: readonly { readonly view: DeadLetterView; readonly error: TransportError }[];
}

/** How long what an operator looks at stays hidden from other operators, in ms. */
const LEASE_MS = 30_000;
/** How many letters a second can be looked at, from far away from the carrier; as long as that takes, all are leased. */
const SLOWEST_PER_SECOND = 50;
/** How often in a row a carrier may fail to take letters back before it counts as away: each time may cost a timeout. */
const REFUSALS = 3;

/** Shows what stands in a subscription's dead-letter queue, and leaves it there. Rejects with a TransportError. */
export async function listDeadLetters(
  transport: Transport,
  address: Address,
  selection: DeadLetterSelection = {},
): Promise<DeadLetterView[]> {
  const held: DeadLetter[] = [];
  try {
    return (await scan(transport, address, selection, held)).map(view);
  } finally {
    await release(transport, address, held);
  }
}

export interface ReplayOptions {
  /** At most so many a second, so that their subscription is not flooded. Default: as fast as the carrier is. */
  readonly perSecond?: number;
  /** Ends it after what is under way; the rest is given back. */
  readonly signal?: AbortSignal;
  /** Signs what is said of the replay, so that a message counts as young again where its age matters. */
  readonly signingKeys?: Secrets | undefined;
}

/**
 * Sends the selected ones back to their subscription: bytes and id kept, attempts counted anew. One that comes
 * back while this goes on is left where it is.
 */
export function replayDeadLetters(
  transport: Transport,
  address: Address,
  selection: DeadLetterSelection = {},
  options: ReplayOptions = {},
): Promise<DeadLetterResult> {
  const headersOf = createReplayHeaders(address, options.signingKeys);
  const act = async (letters: readonly DeadLetter[]): Promise<SettleOutcome[]> =>
    transport.deadLetters.replay(
      address,
      await Promise.all(letters.map(async (letter) => ({ letter, headers: await headersOf(letter) }))),
    );
  return withSelected(transport, address, selection, { event: 'replayed', act, ...options });
}

/** Removes the selected ones for good. */
export function purgeDeadLetters(
  transport: Transport,
  address: Address,
  selection: DeadLetterSelection = {},
  options: Pick<ReplayOptions, 'signal'> = {},
): Promise<DeadLetterResult> {
  const act = (letters: readonly DeadLetter[]): Promise<SettleOutcome[]> =>
    transport.deadLetters.purge(address, letters);
  return withSelected(transport, address, selection, { event: 'purged', act, ...options });
}

interface Action extends ReplayOptions {
  readonly event: 'replayed' | 'purged';
  readonly act: (letters: readonly DeadLetter[]) => Promise<SettleOutcome[]>;
}

/** Goes through the queue page by page, so that what is seen is acted on while it is still leased. */
async function withSelected(
  transport: Transport,
  address: Address,
  selection: DeadLetterSelection,
  { event, act, perSecond = Number.POSITIVE_INFINITY, signal }: Action,
): Promise<DeadLetterResult> {
  const { limits } = transport;
  const leaseMs = await leaseFor(transport, address, perSecond);
  const max = Math.max(1, Math.min(limits.receiveEntries, limits.settleEntries, perSecond));
  const done: DeadLetterView[] = [];
  const failed: { view: DeadLetterView; error: TransportError }[] = [];
  /** What stays, leased to the end so that the pages to come show others. */
  const staying: DeadLetter[] = [];
  const known = rememberSeen(leaseMs);
  const replayed = new Map<string, number>();
  const startedAt = performance.now();
  const begunAt = Date.now();

  async function actOn(letters: readonly DeadLetter[]): Promise<void> {
    const outcomes = await act(letters).catch((error: unknown) => letters.map(() => asTransportError(error)));
    for (const [index, letter] of letters.entries()) {
      const outcome = outcomes[index];
      if (outcome instanceof TransportError) {
        failed.push({ view: view(letter), error: outcome });
        known.add(letter);
        staying.push(letter);
        continue;
      }
      done.push(view(letter));
      replayed.set(letter.id, replaysOf(letter.headers));
      emit({ event, ...address, id: letter.id });
    }
  }

  try {
    for (;;) {
      const dueMs = ((done.length + failed.length) / perSecond) * 1_000 - (performance.now() - startedAt);
      if (dueMs > 0) await pause(dueMs, signal);
      if (signal?.aborted) break;
      const page = await transport.deadLetters.scan(address, { max, leaseMs });
      const fresh = page.filter((letter) => !known.comesAgain(letter));
      if (fresh.length === 0) {
        staying.push(...page);
        break;
      }
      // What was replayed and has no room for how often, says when it was given up.
      const cameBack = ({ id, headers }: DeadLetter): boolean =>
        replaysOf(headers) > (replayed.get(id) ?? Number.POSITIVE_INFINITY) ||
        (replayed.has(id) && Date.parse(readDeadLetterReason(headers).at) >= begunAt);
      const selected = fresh.filter((letter) => isSelected(letter, selection) && !cameBack(letter));
      for (const letter of page) {
        if (selected.includes(letter)) continue;
        known.add(letter);
        staying.push(letter);
      }
      if (selected.length > 0) await actOn(selected);
    }
    return { done, failed };
  } finally {
    await release(transport, address, staying);
  }
}

/**
 * Tells the letters that come again, because their lease has ended, from those that only look the same: until the
 * first lease can have ended, all are others. One that was replayed and came back is another, too.
 */
function rememberSeen(leaseMs: number) {
  const firstEndsAt = performance.now() + leaseMs;
  const copies = new Set<string>();
  const copyOf = ({ id, headers }: DeadLetter): string => `${replaysOf(headers)} ${id}`;
  return {
    add(letter: DeadLetter): void {
      copies.add(copyOf(letter));
    },
    comesAgain(letter: DeadLetter): boolean {
      return performance.now() >= firstEndsAt && copies.has(copyOf(letter));
    },
  };
}

/** Long enough to hold what is seen until the last one has been, at this rate. */
async function leaseFor(transport: Transport, address: Address, perSecond: number): Promise<number> {
  const { dead } = await transport.depth(address);
  const atMost = Math.min(perSecond, SLOWEST_PER_SECOND);
  return Math.min(transport.limits.leaseMs, LEASE_MS + (dead / atMost) * 1_000);
}

function isSelected({ id, headers }: DeadLetter, { ids, code, fingerprint }: DeadLetterSelection): boolean {
  return (
    (ids === undefined || ids.includes(id)) &&
    (code === undefined || readDeadLetterReason(headers).code === code) &&
    (fingerprint === undefined || fingerprintOf(readDeadLetterReason(headers)) === fingerprint)
  );
}

/** Sees each letter once; ends with a page that brings none that is new. What it leases is put into `held`. */
async function scan(
  transport: Transport,
  address: Address,
  selection: DeadLetterSelection,
  held: DeadLetter[],
): Promise<DeadLetter[]> {
  const max = transport.limits.receiveEntries;
  const leaseMs = await leaseFor(transport, address, Number.POSITIVE_INFINITY);
  const known = rememberSeen(leaseMs);
  const selected: DeadLetter[] = [];
  for (;;) {
    const page = await transport.deadLetters.scan(address, { max, leaseMs });
    held.push(...page);
    const fresh = page.filter((letter) => !known.comesAgain(letter));
    if (fresh.length === 0) return selected;
    selected.push(...fresh.filter((letter) => isSelected(letter, selection)));
    for (const letter of page) known.add(letter);
  }
}

async function release(
  transport: Transport,
  address: Address,
  letters: readonly DeadLetter[],
): Promise<void> {
  let refused = 0;
  for (const piece of inPieces(letters, transport.limits.settleEntries)) {
    try {
      await transport.deadLetters.release(address, piece);
      refused = 0;
    } catch {
      // What cannot be given back now comes back by itself when its lease ends.
      refused++;
      if (refused === REFUSALS) return;
    }
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
