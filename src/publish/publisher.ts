import { expectLimit } from '../config/option-numbers.ts';
import type { Contract } from '../message/contract.ts';
import { InvalidMessage } from '../message/envelope.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { within } from '../time/within.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import type { Outgoing, Transport } from '../transport/transport.ts';
import { createPreparer, type PublishOptions } from './prepare.ts';
import { createSender, type Sender, type SenderOptions } from './sender.ts';

export type { PublishOptions } from './prepare.ts';

/** What became of one message. `unknown` deliveries do not exist: a failed one may still have arrived. */
export type PublishOutcome =
  | { readonly id: string; readonly status: 'accepted' }
  | { readonly id?: string; readonly status: 'failed'; readonly error: InvalidMessage | TransportError };

/** One message for {@link Publisher.publishMany}. */
export interface PublishItem<Data> extends PublishOptions {
  readonly data: Data;
}

export interface Publisher {
  /**
   * Publishes one message: resolves when the carrier has accepted every copy. Publishes issued together go
   * out as full batches, also when each is awaited.
   *
   * @throws InvalidMessage when the data does not fit the contract (nothing is sent).
   * @throws TransportError `TooLarge`, `Throttled` when too much is unsent, `Unavailable` when signing keys cannot be
   * had, and what the carrier answers once
   * retrying has not helped; the message may then have arrived all the same: publish it again under its id.
   */
  publish<Data, Input>(
    contract: Contract<Data, Input>,
    data: Input,
    options?: PublishOptions,
  ): Promise<{ readonly id: string }>;

  /** Publishes many, with an outcome for each, in order. Does not throw for a single message's sake. */
  publishMany<Data, Input>(
    contract: Contract<Data, Input>,
    items: readonly PublishItem<Input>[],
  ): Promise<PublishOutcome[]>;

  /** Sends what is unsent, then refuses more. What is left after `deadlineMs`, 10 s unless given, fails as `Closed`. */
  close(options?: { readonly deadlineMs?: number }): Promise<void>;
}

export interface PublisherOptions extends SenderOptions {
  readonly transport: Transport;
  /** Who speaks: the envelope's `source`. Default `hikyaku`. */
  readonly source?: string;
  /** Signs each message with the newest of them. Default: messages are not signed. */
  readonly signingKeys?: Secrets | undefined;
}

/**
 * A publisher on a transport.
 *
 * @example
 * const publisher = createPublisher({ transport });
 * await publisher.publish(OrderPlaced, { order: 'o-1', cents: 1200 });
 * await publisher.close();
 *
 * @throws RangeError when `maxUnsent` is no whole number from 1, nor Infinity.
 */
export function createPublisher(options: PublisherOptions): Publisher {
  const { transport, maxUnsent } = options;
  if (maxUnsent !== undefined) expectLimit(1, { maxUnsent });
  const prepare = createPreparer(transport, options);
  const senders = new Map<string, Sender>();
  /** Schemas at work that take their time. */
  const checks = new Set<Promise<Outgoing>>();
  let closed = false;

  function senderOf(topic: string): Sender {
    let sender = senders.get(topic);
    if (sender === undefined) {
      sender = createSender(transport, topic, options);
      senders.set(topic, sender);
    }
    return sender;
  }

  function prepared<Data, Input>(contract: Contract<Data, Input>, data: Input, options: PublishOptions) {
    if (closed) throw new TransportError('Closed', 'the publisher is closed');
    return prepare(contract, data, options);
  }

  function checked(check: Promise<Outgoing>): Promise<Outgoing> {
    checks.add(check);
    return check.finally(() => checks.delete(check));
  }

  return {
    publish(contract, data, options = {}) {
      try {
        const made = prepared(contract, data, options);
        const sender = senderOf(contract.name);
        return made instanceof Promise
          ? checked(made).then((message) => sender.send(message))
          : sender.send(made);
      } catch (error) {
        return Promise.reject(error);
      }
    },

    async publishMany(contract, items) {
      const outcomes: PublishOutcome[] = new Array(items.length);
      const sender = senderOf(contract.name);
      let next = 0;
      while (next < items.length) {
        // A slice at a time, so that a long list stays within the bound on what is unsent.
        const room = await sender.room();
        const messages: Outgoing[] = [];
        const places: number[] = [];
        for (const item of items.slice(next, next + room)) {
          try {
            const made = prepared(contract, item.data, item);
            messages.push(made instanceof Promise ? await checked(made) : made);
            places.push(next);
          } catch (error) {
            outcomes[next] = { status: 'failed', error: publishError(error) };
          }
          next++;
        }
        if (messages.length === 0) continue;
        const results = await sender
          .sendMany(messages)
          .catch((error: unknown) => messages.map(() => asTransportError(error)));
        for (const [index, place] of places.entries()) {
          const id = messages[index]?.id ?? '';
          const error = results[index];
          outcomes[place] =
            error === undefined ? { id, status: 'accepted' } : { id, status: 'failed', error };
        }
      }
      return outcomes;
    },

    async close({ deadlineMs = 10_000 } = {}) {
      closed = true;
      const endsAt = performance.now() + deadlineMs;
      if (checks.size > 0) {
        await within(deadlineMs, Promise.allSettled(checks));
        // Whoever waited for a check hands its message over in this turn.
        await new Promise(setImmediate);
      }
      const leftMs = Math.max(0, endsAt - performance.now());
      await Promise.all(Array.from(senders.values(), (sender) => sender.close(leftMs)));
    },
  };
}

function publishError(error: unknown): InvalidMessage | TransportError {
  return error instanceof InvalidMessage ? error : asTransportError(error);
}
