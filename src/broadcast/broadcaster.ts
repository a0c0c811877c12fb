import type { Contract } from '../message/contract.ts';
import type { EnvelopeOptions } from '../message/envelope.ts';
import { createCarrierState } from '../observe/carrier-state.ts';
import { createPreparer } from '../publish/prepare.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { TransportError } from '../transport/errors.ts';
import type { Broadcast, Transport } from '../transport/transport.ts';
import { createHearer, type Listener, type ListenOptions, type NoticeHandler } from './listener.ts';
import { createNotifier, type Notifier } from './notifier.ts';

/** What may be said about a notice besides its data. */
export type NotifyOptions = Omit<EnvelopeOptions, 'ttlMs'>;

/** Speaks to whoever listens at this moment: at most once, and kept for nobody. What must arrive is published. */
export interface Broadcaster {
  /**
   * Resolves once the carrier has passed the notice on, to however many: also to nobody. Those issued together go out
   * together, in order, also when each is awaited. It is never said again.
   *
   * @throws InvalidMessage when the data does not fit the contract (nothing is said).
   * @throws TransportError `TooLarge`, `Throttled` when too many have no answer yet, and what the carrier answers:
   * the notice may then have been heard all the same.
   */
  notify<Data, Input>(
    contract: Contract<Data, Input>,
    data: Input,
    options?: NotifyOptions,
  ): Promise<{ readonly id: string }>;

  /**
   * Resolves once it listens: every notice of the contract's topic from then on is handed to the handler, begun in the
   * order it came. What the handler throws is the event `listener_failed`, and the next notice goes on; one that does
   * not fit the contract is `notice_unreadable`. Where the carrier has connections, it holds the process until it is closed.
   *
   * @throws TransportError when the carrier cannot be reached.
   * @throws RangeError for a `concurrency` that is no whole number from 1.
   */
  listen<Data, Input>(
    contract: Contract<Data, Input>,
    handler: NoticeHandler<Data>,
    options?: ListenOptions,
  ): Promise<Listener>;

  /** Waits for the answers to what was said, closes all listeners, and refuses more. */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

export interface BroadcasterOptions {
  readonly transport: Transport;
  /** Who speaks: the envelope's `source`. Default `hikyaku`. */
  readonly source?: string;
  /**
   * Signs each notice with the newest of them, and lets no handler see one that none of them has signed: that is
   * `notice_unreadable` too. Default: nothing is signed or looked at.
   */
  readonly signingKeys?: Secrets | undefined;
}

/**
 * A broadcaster on a transport.
 *
 * @example
 * const broadcaster = createBroadcaster({ transport });
 * await broadcaster.listen(PriceChanged, ({ data }) => void prices.delete(data.article));
 * await broadcaster.notify(PriceChanged, { article: 'a-1' });
 *
 * @throws TransportError `Unsupported` where the carrier does not broadcast.
 */
export function createBroadcaster(options: BroadcasterOptions): Broadcaster {
  const { transport, signingKeys } = options;
  const broadcast = broadcastOf(transport);
  const prepare = createPreparer(transport, options);
  const carrier = createCarrierState(transport.name);
  const notifiers = new Map<string, Notifier>();
  const listeners = new Set<Listener>();
  let closed = false;

  function ensureOpen(): void {
    if (closed) throw new TransportError('Closed', 'the broadcaster is closed');
  }

  function notifierOf(topic: string): Notifier {
    let notifier = notifiers.get(topic);
    if (notifier === undefined) {
      notifier = createNotifier(broadcast, topic, transport.limits, carrier);
      notifiers.set(topic, notifier);
    }
    return notifier;
  }

  return {
    notify(contract, data, options = {}) {
      try {
        ensureOpen();
        const made = prepare(contract, data, options);
        const notifier = notifierOf(contract.name);
        return made instanceof Promise ? made.then((notice) => notifier.say(notice)) : notifier.say(made);
      } catch (error) {
        return Promise.reject(error);
      }
    },

    async listen(contract, handler, options = {}) {
      ensureOpen();
      const hearer = createHearer(contract, handler, { ...options, signingKeys }, carrier);
      const listening = await broadcast.listen(contract.name, hearer.told);
      const listener: Listener = {
        async close({ deadlineMs = 10_000 } = {}) {
          listeners.delete(listener);
          await hearer.end(listening, deadlineMs);
        },
      };
      listeners.add(listener);
      // It may have been closed meanwhile.
      if (closed) await listener.close();
      ensureOpen();
      return listener;
    },

    async close(options) {
      closed = true;
      await Promise.all([
        ...Array.from(notifiers.values(), (notifier) => notifier.idle()),
        ...Array.from(listeners, (listener) => listener.close(options)),
      ]);
    },
  };
}

function broadcastOf({ name, capabilities, broadcast }: Transport): Broadcast {
  if (capabilities.has('broadcast') && broadcast !== undefined) return broadcast;
  throw new TransportError(
    'Unsupported',
    `${name} does not broadcast: publish, and give each who has to hear it a subscription of the topic; or choose a carrier that does, as redis:`,
  );
}
