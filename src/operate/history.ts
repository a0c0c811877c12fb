import { emit } from '../observe/events.ts';
import { pause } from '../time/backoff.ts';
import { TransportError } from '../transport/errors.ts';
import type {
  Address,
  History,
  HistoryMessage,
  HistoryRange,
  Receipt,
  Transport,
} from '../transport/transport.ts';
import type { ReplayOptions } from './dead-letters.ts';
import { createReplayHeaders, type ReplayHeaders } from './replay-headers.ts';

/** What became of one page. */
export interface ReplayedPage {
  readonly replayed: readonly HistoryMessage[];
  /** Not done yet, and so left as they are. */
  readonly undone: readonly HistoryMessage[];
  /** Those that could not be replayed: `NotFound` when they are no longer kept. */
  readonly failed: readonly { readonly message: HistoryMessage; readonly error: TransportError }[];
}

/**
 * Reads what a subscription has been handed within a time, page by page, oldest first; only a page is in memory.
 * Rejects with a TransportError: `Unsupported` where the carrier keeps no history.
 */
export async function* readHistory(
  transport: Transport,
  address: Address,
  range: HistoryRange,
): AsyncGenerator<readonly HistoryMessage[]> {
  yield* pages(historyOf(transport), address, range, transport.limits.receiveEntries);
}

/**
 * Replays a subscription from history: what it was handed within a time comes to it once more, bytes and id
 * kept, attempts counted anew; no other subscription sees it. Goes on page by page, as it is asked for the next;
 * when it rejects, what it had told of stays replayed.
 *
 * @example
 * for await (const { replayed } of replayHistory(transport, address, { from, to: Date.now() })) count += replayed.length;
 */
export async function* replayHistory(
  transport: Transport,
  address: Address,
  range: HistoryRange,
  { perSecond = Number.POSITIVE_INFINITY, signal, signingKeys }: ReplayOptions = {},
): AsyncGenerator<ReplayedPage> {
  const history = historyOf(transport);
  const { receiveEntries, settleEntries } = transport.limits;
  const max = Math.max(1, Math.min(receiveEntries, settleEntries, perSecond));
  const headersOf = createReplayHeaders(address, signingKeys);
  const startedAt = performance.now();
  let count = 0;
  for await (const page of pages(history, address, range, max)) {
    if (signal?.aborted) return;
    const { replayed, undone, failed } = await replayPage(history, address, page, headersOf);
    count += replayed.length;
    for (const { id } of replayed) emit({ event: 'replayed', ...address, id });
    yield { replayed, undone, failed };
    const dueMs = (count / perSecond) * 1_000 - (performance.now() - startedAt);
    if (dueMs > 0) await pause(dueMs, signal);
  }
}

async function* pages(
  history: History,
  address: Address,
  range: HistoryRange,
  max: number,
): AsyncGenerator<readonly HistoryMessage[]> {
  let after: Receipt | undefined;
  for (;;) {
    const page = await history.read(address, { ...range, max, ...(after !== undefined && { after }) });
    const last = page.at(-1);
    if (last === undefined) return;
    yield page;
    after = last.receipt;
  }
}

async function replayPage(
  history: History,
  address: Address,
  page: readonly HistoryMessage[],
  headersOf: ReplayHeaders,
): Promise<ReplayedPage> {
  const replayed: HistoryMessage[] = [];
  const undone = page.filter((message) => message.undone);
  const failed: { message: HistoryMessage; error: TransportError }[] = [];
  const wanted = page.filter((message) => !message.undone);
  const outcomes =
    wanted.length > 0
      ? await history.replay(
          address,
          await Promise.all(wanted.map(async (message) => ({ message, headers: await headersOf(message) }))),
        )
      : [];
  for (const [index, message] of wanted.entries()) {
    const outcome = outcomes[index];
    if (outcome instanceof TransportError) failed.push({ message, error: outcome });
    else if (outcome === 'undone') undone.push(message);
    else replayed.push(message);
  }
  return { replayed, undone, failed };
}

function historyOf({ name, capabilities, history }: Transport): History {
  if (capabilities.has('history') && history !== undefined) return history;
  throw new TransportError(
    'Unsupported',
    `${name} keeps no history here, so only dead letters can be replayed: on Redis, give TRANSPORT_URL the retention that the consumers have (?retention=24h)`,
  );
}
