import type { Settlement } from '../../../src/transport/transport.ts';

/** What is wrong with a message on purpose: its handler always throws, or ends its process. */
export type Poison = 'throws' | 'kills';

/** What somebody says has happened. Ids are the envelopes'. */
export type Report =
  /** Said before it is published: `sum` is that of what it carries. */
  | {
      readonly what: 'publishing';
      readonly id: string;
      readonly sum: string;
      readonly key?: string;
      readonly poison?: Poison;
    }
  | { readonly what: 'accepted'; readonly id: string }
  /** Given to the carrier once more, because its answer did not come: there may be two copies of it. */
  | { readonly what: 'resent'; readonly id: string }
  | { readonly what: 'refused'; readonly id: string; readonly code: string }
  | { readonly what: 'begun'; readonly id: string; readonly attempt: number }
  /** Said before the handler returns. */
  | { readonly what: 'handled'; readonly id: string; readonly attempt: number; readonly sum: string }
  /** Said before the handler throws. */
  | { readonly what: 'failed'; readonly id: string; readonly attempt: number }
  /** What the carrier answered to the end of a delivery. */
  | {
      readonly what: 'settled';
      readonly id: string;
      readonly action: Settlement['action'];
      readonly delayMs?: number;
      readonly outcome: string;
    }
  | { readonly what: 'away' | 'back'; readonly said: string }
  /** Read from the dead-letter queue at the end. */
  | { readonly what: 'dead'; readonly id: string; readonly code: string; readonly attempts: number }
  /** Faults begin and end. */
  | { readonly what: 'fault' | 'healed' };

/** A report as it stands in the ledger. */
export type Entry = Report & {
  /** By the ledger's own monotonic clock, in ms. */
  readonly at: number;
  /** Who says so: a producer, a consumer, or the judge. */
  readonly by: string;
};
