import { createCarrierState } from '../observe/carrier-state.ts';
import { emit, observed } from '../observe/events.ts';
import { backoffDelay, LONGEST_TIMER, pause } from '../time/backoff.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import {
  type Outgoing,
  type SendOutcome,
  type Sized,
  sizeAtMost,
  sizeOf,
  type Transport,
} from '../transport/transport.ts';

export interface SenderOptions {
  /** How long a message is sent again while the carrier is away, in ms. Default 30 s. */
  readonly giveUpAfterMs?: number;
  /** How many messages may be unsent at once. Default 10,000. */
  readonly maxUnsent?: number;
}

/** Sends the messages of one topic: gathers what is issued together into batches the carrier takes. */
export interface Sender {
  /** Resolves when it is accepted. Rejects with a TransportError. */
  send(message: Outgoing): Promise<{ readonly id: string }>;
  /** An error for each message that was not accepted, at its place. */
  sendMany(messages: readonly Outgoing[]): Promise<(TransportError | undefined)[]>;
  /** How many messages may be added now; waits until there is room for one. */
  room(): Promise<number>;
  close(deadlineMs: number): Promise<void>;
}

interface Unsent {
  message: Outgoing;
  /** Called once: with nothing when the carrier has accepted it. */
  readonly answer: (error?: TransportError) => void;
}

const BACKOFF = { baseMs: 100, maxMs: 5_000 };
const SENDS_AT_ONCE = 8;

export function createSender(transport: Transport, topic: string, options: SenderOptions): Sender {
  const { giveUpAfterMs = 30_000, maxUnsent = 10_000 } = options;
  const { limits } = transport;
  const carrier = createCarrierState(transport.name);
  const ordered = transport.keepsOrder?.(topic) ?? false;
  /**
   * On an ordered topic, what waits behind an unsent message of its key: two of a key in one batch, or in two
   * at once, could overtake each other when a carrier takes only the later one.
   */
  const behind = new Map<string, Unsent[]>();
  const stop = new AbortController();
  /** Of the batches under way, what has no answer yet. */
  const underWay = new Set<{ left: readonly Unsent[] }>();
  let queue: Unsent[] = [];
  let unsent = 0;
  let sending = 0;
  let scheduled = false;
  let closing = false;
  let watchers: (() => void)[] = [];

  function ensureRoom(count: number): void {
    if (closing) throw new TransportError('Closed', 'the publisher is closed');
    if (unsent + count > maxUnsent) {
      throw new TransportError(
        'Throttled',
        `${unsent} messages of ${topic} are unsent, and at most ${maxUnsent} may be: await earlier publishes first`,
      );
    }
  }

  function add(message: Outgoing, answer: Unsent['answer']): void {
    unsent++;
    enqueue({ message, answer });
    schedule();
  }

  function enqueue(one: Unsent): void {
    const { key } = one.message;
    if (!ordered || key === undefined) {
      queue.push(one);
      return;
    }
    const others = behind.get(key);
    if (others !== undefined) {
      others.push(one);
      return;
    }
    behind.set(key, []);
    queue.push(one);
  }

  /** Its answer is there: the next of its key may be sent. */
  function letNextGo({ message: { key } }: Unsent): void {
    if (!ordered || key === undefined) return;
    const next = behind.get(key)?.shift();
    if (next === undefined) {
      behind.delete(key);
      return;
    }
    queue.push(next);
    schedule();
  }

  /**
   * Not at once: what else is issued goes into the same batch. While others are under way that is all of this turn
   * of the event loop; else what comes before the promises that have settled are done with, and it leaves sooner.
   */
  function schedule(): void {
    if (scheduled || sending >= SENDS_AT_ONCE) return;
    scheduled = true;
    if (sending === 0) process.nextTick(flush);
    else setImmediate(flush);
  }

  function flush(): void {
    scheduled = false;
    if (stop.signal.aborted) refuseQueue();
    let start = 0;
    while (start < queue.length && sending < SENDS_AT_ONCE) {
      const end = batchEnd(queue, start, limits);
      sending++;
      void sendBatch(queue.slice(start, end)).finally(() => {
        sending--;
        if (queue.length > 0) schedule();
      });
      start = end;
    }
    queue = queue.slice(start);
  }

  async function sendBatch(batch: readonly Unsent[]): Promise<void> {
    const giveUpAt = performance.now() + giveUpAfterMs;
    const owed = { left: batch };
    underWay.add(owed);
    for (let tried = 1; owed.left.length > 0; tried++) {
      owed.left = await trySend(owed.left, performance.now() < giveUpAt);
      if (owed.left.length > 0) await pause(backoffDelay(BACKOFF, tried), stop.signal);
    }
    underWay.delete(owed);
  }

  /** Sends once; returns what is worth another try. */
  async function trySend(batch: readonly Unsent[], mayRetry: boolean): Promise<Unsent[]> {
    let outcomes: readonly SendOutcome[] | TransportError;
    try {
      outcomes = await transport.send(
        topic,
        batch.map(({ message }) => message),
        stop.signal,
      );
    } catch (error) {
      outcomes = asTransportError(error);
    }
    // All have had their answer when it was cut off.
    if (stop.signal.aborted) return [];
    const again: Unsent[] = [];
    for (const [index, one] of batch.entries()) {
      const outcome = outcomes instanceof TransportError ? { error: outcomes } : outcomes[index];
      if (outcome === 'accepted') {
        carrier.worked();
        answer(one);
        continue;
      }
      const failure = outcome ?? {
        error: new TransportError('Unavailable', `${transport.name} gave no outcome for ${one.message.id}`),
      };
      if (failure.error.retryable) carrier.failed(failure.error);
      if (!failure.error.retryable || !mayRetry) {
        answer(one, failure.error);
        continue;
      }
      if (failure.missing !== undefined) one.message = { ...one.message, only: failure.missing };
      again.push(one);
    }
    return again;
  }

  function answer(one: Unsent, error?: TransportError): void {
    const { message } = one;
    letNextGo(one);
    unsent--;
    one.answer(error);
    if (observed()) {
      emit(
        error === undefined
          ? { event: 'published', topic, id: message.id }
          : { event: 'publish_failed', topic, id: message.id, code: error.code },
      );
    }
    const waiting = watchers;
    if (waiting.length === 0) return;
    watchers = [];
    for (const proceed of waiting) proceed();
  }

  /** Resolves when fewer messages are unsent than now. */
  function progress(): Promise<void> {
    return new Promise((resolve) => watchers.push(resolve));
  }

  function cutOff(): void {
    stop.abort();
    // Not left to the driver: one that does not heed the signal would hold up closing.
    const error = new TransportError('Closed', 'the publisher was closed before the carrier answered');
    for (const owed of underWay) {
      for (const one of owed.left) answer(one, error);
      owed.left = [];
    }
    refuseQueue();
  }

  function refuseQueue(): void {
    const error = new TransportError('Closed', 'the publisher was closed before the message was sent');
    // The answer to one may bring the next of its key.
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) answer(one, error);
  }

  return {
    // One promise a message: at full speed they are a good part of what a publish costs.
    send: (message) =>
      new Promise((resolve, reject) => {
        ensureRoom(1);
        add(message, (error) => (error === undefined ? resolve({ id: message.id }) : reject(error)));
      }),
    async sendMany(messages) {
      // Another call may have taken the room there was.
      while (unsent > 0 && unsent + messages.length > maxUnsent) await progress();
      ensureRoom(messages.length);
      return new Promise((resolve) => {
        const errors: (TransportError | undefined)[] = new Array(messages.length);
        let open = messages.length;
        for (const [place, message] of messages.entries()) {
          add(message, (error) => {
            errors[place] = error;
            open--;
            if (open === 0) resolve(errors);
          });
        }
      });
    },
    async room() {
      while (unsent >= maxUnsent) await progress();
      return maxUnsent - unsent;
    },
    async close(deadlineMs) {
      closing = true;
      const deadline = setTimeout(cutOff, Math.min(deadlineMs, LONGEST_TIMER));
      while (unsent > 0) await progress();
      clearTimeout(deadline);
    },
  };
}

/** Where the batch that starts at `start` ends: as many as the carrier takes in one call, by count and bytes. */
export function batchEnd(
  queue: readonly { readonly message: Sized }[],
  start: number,
  limits: { readonly sendEntries: number; readonly sendBytes: number },
): number {
  const batch = queue.slice(start, start + limits.sendEntries);
  let most = 0;
  for (const { message } of batch) most += sizeAtMost(message);
  if (most <= limits.sendBytes) return start + batch.length;
  let bytes = 0;
  for (const [count, { message }] of batch.entries()) {
    bytes += sizeOf(message);
    if (bytes > limits.sendBytes && count > 0) return start + count;
  }
  return start + batch.length;
}
