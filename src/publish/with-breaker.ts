import { openOnce } from '../transport/open-once.ts';
import type { Transport } from '../transport/transport.ts';
import type { Breakers } from './breakers.ts';

export interface BreakerOptions {
  /** After so many sends in a row that failed, and might succeed later, it opens. Default 5. */
  readonly failures?: number;
  /**
   * For so long it then answers by itself, in ms; the next send after that is tried, and others wait for its answer.
   * Default 5,000. Well below the publisher's `giveUpAfterMs`, or what is published meanwhile is given up untried.
   */
  readonly openMs?: number;
}

/** Of the sends on one topic: `closed`, all go to the carrier; `open`, none; `half-open`, one is tried. */
export interface BreakerState {
  readonly topic: string;
  readonly state: 'closed' | 'open' | 'half-open';
}

export interface BreakingTransport extends Transport {
  /** Of each topic that something was sent on. */
  breakers(): BreakerState[];
}

/**
 * The transport, for publishers of many topics or many messages: while a topic cannot be sent on, the carrier is spared
 * all but one send every few seconds, and the others are answered `Unavailable` at once. That can be retried, and the
 * publisher does, until it gives up; so nothing is lost that would not be without. Receiving and settling are left as
 * they are: a worker waits by itself, and a settlement has only as long as its lease.
 *
 * @example
 * const transport = withBreaker(await openTransport(transportUrl(), config));
 * const publisher = createPublisher({ transport });
 * await startHealthServer({ port: 8080, health: () => [], breakers: transport.breakers });
 */
export function withBreaker(transport: Transport, options: BreakerOptions = {}): BreakingTransport {
  let breakers: Breakers | undefined;
  const load = openOnce(async () => {
    const { createBreakers } = await import('./breakers.ts');
    breakers ??= createBreakers(transport, options);
    return breakers;
  });
  return {
    ...transport,
    send: async (topic, messages, signal) => (breakers ?? (await load())).send(topic, messages, signal),
    breakers: () => breakers?.states() ?? [],
  };
}
