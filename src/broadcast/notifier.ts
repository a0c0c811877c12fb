import type { CarrierState } from '../observe/carrier-state.ts';
import { emit, observed } from '../observe/events.ts';
import { batchEnd } from '../publish/sender.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import type { Broadcast, Limits, Notice, SendOutcome } from '../transport/transport.ts';

/** Says the notices of one topic: those that are issued in one turn go out together, in order. */
export interface Notifier {
  /** Resolves once the carrier has passed it on. Rejects with a TransportError; it is not said again. */
  say(notice: Notice): Promise<{ readonly id: string }>;
  /** Resolves when all that was said has its answer. */
  idle(): Promise<void>;
}

interface Unsaid {
  readonly message: Notice;
  /** Called once: with nothing when it has been passed on. */
  readonly answer: (error?: TransportError) => void;
}

/** How many may wait for their answers: what a carrier that hangs would otherwise fill the memory with. */
const MAX_UNSAID = 10_000;

export function createNotifier(
  broadcast: Broadcast,
  topic: string,
  limits: Limits,
  carrier: CarrierState,
): Notifier {
  const underWay = new Set<Promise<void>>();
  let queue: Unsaid[] = [];
  let unsaid = 0;

  /** All that is waiting. Nothing waits for what is under way: the carrier keeps the order of the calls. */
  function flush(): void {
    const issued = queue;
    queue = [];
    for (let start = 0; start < issued.length; ) {
      const end = batchEnd(issued, start, limits);
      const saying = say(issued.slice(start, end)).finally(() => underWay.delete(saying));
      underWay.add(saying);
      start = end;
    }
  }

  async function say(batch: readonly Unsaid[]): Promise<void> {
    let outcomes: readonly SendOutcome[] | TransportError;
    try {
      outcomes = await broadcast.notify(
        topic,
        batch.map(({ message }) => message),
      );
      carrier.worked();
    } catch (thrown) {
      outcomes = asTransportError(thrown);
      if (outcomes.retryable) carrier.failed(outcomes);
    }
    for (const [index, one] of batch.entries()) {
      const outcome = outcomes instanceof TransportError ? { error: outcomes } : outcomes[index];
      answer(one, outcome === 'accepted' ? undefined : (outcome?.error ?? unanswered(one)));
    }
  }

  function answer({ message: { id }, answer }: Unsaid, error: TransportError | undefined): void {
    unsaid--;
    answer(error);
    if (!observed()) return;
    emit(
      error === undefined
        ? { event: 'notified', topic, id }
        : { event: 'notify_failed', topic, id, code: error.code },
    );
  }

  return {
    say: (notice) =>
      new Promise((resolve, reject) => {
        if (unsaid >= MAX_UNSAID) throw tooMany(topic);
        unsaid++;
        // Not at once: what else is issued in this turn goes with it.
        if (queue.length === 0) process.nextTick(flush);
        queue.push({
          message: notice,
          answer: (error) => (error === undefined ? resolve({ id: notice.id }) : reject(error)),
        });
      }),
    async idle() {
      // What has just been issued is under way in the next turn.
      if (queue.length > 0) await new Promise(setImmediate);
      await Promise.all(underWay);
    },
  };
}

function tooMany(topic: string): TransportError {
  return new TransportError(
    'Throttled',
    `${MAX_UNSAID} notices of ${topic} have no answer yet, and no more may be: await earlier ones first`,
  );
}

function unanswered({ message: { id } }: Unsaid): TransportError {
  return new TransportError('Unavailable', `the carrier gave no outcome for ${id}`);
}
