import { channel } from 'node:diagnostics_channel';
import type { DeadLetterCode } from '../message/dead-letter.ts';
import type { UnreadableReason } from '../message/envelope.ts';
import type { ErrorCode } from '../transport/errors.ts';
import type { Settlement } from '../transport/transport.ts';

/** What all events about one message say. */
interface About {
  readonly topic: string;
  readonly subscription: string;
  readonly id: string;
}

/** What happens on the way of a message. Durations in ms. Never bodies, never secrets. */
export type CourierEvent =
  | { readonly event: 'published'; readonly topic: string; readonly id: string }
  | {
      readonly event: 'publish_failed';
      readonly topic: string;
      readonly id: string;
      readonly code: ErrorCode;
    }
  | (About & {
      readonly event: 'handled';
      readonly attempt: number;
      readonly ms: number;
      /** Since the carrier took the message, by its clock and ours. */
      readonly endToEndMs: number;
    })
  | (About & {
      readonly event: 'retried';
      readonly attempt: number;
      readonly delayMs: number;
      readonly ms: number;
      readonly error: string;
    })
  /** The handler asked for it to come later, which is no failed attempt. */
  | (About & { readonly event: 'postponed'; readonly delayMs: number; readonly error: string })
  | (About & {
      readonly event: 'dead_lettered';
      readonly attempt: number;
      readonly code: DeadLetterCode;
      readonly error: string;
    })
  /** Its time was over before it could be handled, and its contract asks for no dead letter: it is gone. */
  | (About & { readonly event: 'expired' })
  | (About & { readonly event: 'released' })
  | (About & { readonly event: 'lease_lost' })
  /** The carrier did not take how a delivery ended, at once or for too long: the message comes again. */
  | (About & {
      readonly event: 'settle_failed';
      readonly action: Settlement['action'];
      readonly code: ErrorCode;
    })
  | (About & { readonly event: 'replayed' })
  | (About & { readonly event: 'purged' })
  /** A drain has ended: what it leaves, and the age of the oldest message that it received. */
  | {
      readonly event: 'drained';
      readonly topic: string;
      readonly subscription: string;
      readonly ready: number;
      readonly inFlight: number;
      readonly delayed: number;
      readonly dead: number;
      readonly oldestMs: number;
    }
  /** The carrier has passed it on to whoever listens. */
  | { readonly event: 'notified'; readonly topic: string; readonly id: string }
  | { readonly event: 'notify_failed'; readonly topic: string; readonly id: string; readonly code: ErrorCode }
  | { readonly event: 'heard'; readonly topic: string; readonly id: string; readonly ms: number }
  /** What a listener threw, at a notice or, without an id, when it was told that it may have missed some. */
  | {
      readonly event: 'listener_failed';
      readonly topic: string;
      readonly id?: string;
      readonly error: string;
    }
  /** A notice that does not fit the contract: no listener sees it. */
  | {
      readonly event: 'notice_unreadable';
      readonly topic: string;
      readonly id: string;
      readonly code: UnreadableReason;
      readonly error: string;
    }
  /** So many came while as many as may be were at work. */
  | { readonly event: 'notices_dropped'; readonly topic: string; readonly count: number }
  /** A listener is there again, and may have missed what was said while it was not. */
  | {
      readonly event: 'notices_missed';
      readonly topic: string;
      readonly code: ErrorCode;
      readonly error: string;
    }
  /** The carrier went away, or a call to it failed; said once until it is back. */
  | {
      readonly event: 'carrier_unavailable';
      readonly transport: string;
      readonly code: ErrorCode;
      readonly error: string;
    }
  | { readonly event: 'carrier_back'; readonly transport: string }
  /** Sends on a topic failed so often in a row that the carrier is spared them for a while; see `withBreaker`. */
  | {
      readonly event: 'breaker_opened';
      readonly transport: string;
      readonly topic: string;
      readonly code: ErrorCode;
      readonly error: string;
    }
  /** One send is tried: it closes the breaker, or opens it again. */
  | { readonly event: 'breaker_half_opened'; readonly transport: string; readonly topic: string }
  | { readonly event: 'breaker_closed'; readonly transport: string; readonly topic: string };

/**
 * Events leave through `node:diagnostics_channel`, under this name: whoever wants them subscribes, from
 * anywhere in the process, and nobody pays for them when nobody listens.
 */
const EVENTS_CHANNEL = 'hikyaku:events';

const events = channel(EVENTS_CHANNEL);

/** Whether anybody listens: asked before an event is made, where that costs. */
export function observed(): boolean {
  return events.hasSubscribers;
}

export function emit(event: CourierEvent): void {
  if (events.hasSubscribers) events.publish(event);
}

/** Calls the listener for every event of this process. Returns what stops it. Listeners must not throw. */
export function observe(listener: (event: CourierEvent) => void): () => void {
  const onMessage = (message: unknown): void => {
    if (isCourierEvent(message)) listener(message);
  };
  events.subscribe(onMessage);
  return () => {
    events.unsubscribe(onMessage);
  };
}

// Only `emit` publishes on this channel; the check narrows what the channel types as unknown.
function isCourierEvent(message: unknown): message is CourierEvent {
  return typeof message === 'object' && message !== null && 'event' in message;
}
