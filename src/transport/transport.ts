import { escapeBeyond } from '../message/json.ts';
import type { TransportError } from './errors.ts';

/**
 * The narrow waist: what a carrier has to be able to do. Everything above (publishing, consuming, operating)
 * knows this interface and never a driver; a driver knows this file and its carrier and nothing else.
 *
 * A driver is dumb. It never retries, batches, decodes, logs or counts: the core does that once, for all.
 * It takes and gives arrays no longer than its `limits` say, in order: answer i is about argument i.
 *
 * Concurrency: every method may be called at any time, also while others are under way; a driver that must
 * take turns does so inside. Nothing but `receive` waits, and that no longer than `waitMs`.
 *
 * Errors: a method rejects with a TransportError when it can say nothing about single messages (the carrier
 * is away, the queue is not there); what concerns one message is in that message's outcome. After a rejected
 * `send` it is unknown which messages arrived: the core sends them again under the same ids.
 *
 * Time: `leaseUntil` is on this process's monotonic clock (`performance.now()`), for no wall clock can be
 * trusted with a lease; `enqueuedAt` is Unix time by the carrier's clock. All durations are milliseconds.
 */
export interface Transport {
  /** The carrier's name in errors, events and tables: `memory`, `sqs`. */
  readonly name: string;
  readonly limits: Limits;
  /** What this carrier can do beyond what all must. What is not declared answers `Unsupported`. */
  readonly capabilities: ReadonlySet<Capability>;

  /**
   * Whether the messages of a key stay in order on this topic: where the topology asks for it. Absent where
   * `ordered` is not declared.
   */
  keepsOrder?(topic: string): boolean;

  /**
   * After how many deliveries the carrier itself gives up a message of this subscription; see SubscriptionTopology.
   * Absent where `ordered` is not declared.
   */
  maxDeliveries?(address: Address): number;

  /**
   * Whether a message of this topic goes on being counted when it is postponed, because the carrier can only hide it; see
   * Settlement. Absent where it never does.
   */
  countsPostponed?(topic: string): boolean;

  /**
   * Gives messages to every subscription of the topic. An outcome is `accepted` only once every copy is
   * stored, by the carrier's own promise. Rejects with `NotFound` for a topic without subscriptions.
   */
  send(topic: string, messages: readonly Outgoing[], signal?: AbortSignal): Promise<SendOutcome[]>;

  /**
   * Takes up to `max` messages and hides them from others for `leaseMs`. Waits up to `waitMs` for the first
   * one, and returns early with what it has. When `signal` fires it returns promptly; what the carrier had
   * handed over by then is in the answer where that can be known, and else comes back when its lease ends.
   */
  receive(address: Address, options: ReceiveOptions): Promise<Incoming[]>;

  /** Ends deliveries. A dead letter is stored in the dead-letter queue before it leaves its own. */
  settle(address: Address, settlements: readonly Settlement[]): Promise<SettleOutcome[]>;

  /** Makes leases end `leaseMs` from now. On success the receipts' messages may be held until then. */
  extend(address: Address, receipts: readonly Receipt[], leaseMs: number): Promise<SettleOutcome[]>;

  /** How many messages stand where, as exactly as the carrier knows. */
  depth(address: Address): Promise<Depth>;

  /** Who has received here lately. Absent where `consumers` is not declared. */
  consumers?(address: Address): Promise<ConsumerInfo[]>;

  readonly deadLetters: DeadLetterQueue;

  /** What has been handled and is kept. Absent where `history` is not declared. */
  readonly history?: History;

  /** Reaches who listens now. Absent where `broadcast` is not declared. */
  readonly broadcast?: Broadcast;

  /** Creates what the topology needs and brings what exists up to date. Doing it twice is doing it once. */
  provision(): Promise<void>;

  /** Only checks that it is all there, for those without the right to create. Rejects with `NotFound`. */
  verify(): Promise<void>;

  /**
   * Where this carrier, as it is set up, keeps less than its users may expect: a sentence each. Absent where
   * that cannot differ.
   */
  warnings?(): Promise<readonly string[]>;

  /** Gives up connections. Calls under way end; later ones reject with `Closed`. May be called twice. */
  close(): Promise<void>;
}

/** Where a consumer stands: one subscription of one topic. */
export interface Address {
  readonly topic: string;
  readonly subscription: string;
}

/** A message on its way out. */
export interface Outgoing {
  readonly id: string;
  /** Any text that XML 1.0 can carry; the driver keeps it to the byte. */
  readonly body: string;
  readonly headers: Headers;
  /** Messages of one key stay in order on an ordered topic, if they are sent one after the other. */
  readonly key?: string;
  /** Refused as `Unsupported` on an ordered topic: what is delayed would be overtaken. */
  readonly delayMs?: number;
  /** Only to these subscriptions: what an earlier, partly failed send still owes. Default: all of the topic. */
  readonly only?: readonly string[];
}

/** What is about the carriage, not the message. Any text as key or value. */
export type Headers = Readonly<Record<string, string>>;

/** A message that has been handed over. */
export interface Incoming {
  readonly id: string;
  readonly body: string;
  readonly headers: Headers;
  readonly key?: string;
  /**
   * How often the carrier has handed this message over, this time included. Not the number of attempts:
   * a delivery may have been released, or never have arrived.
   */
  readonly deliveries: number;
  readonly enqueuedAt: number;
  readonly leaseUntil: number;
  readonly receipt: Receipt;
}

/** Stands for one delivery; only the driver that made it can read it. */
export type Receipt = object;

export interface ReceiveOptions {
  readonly max: number;
  readonly waitMs: number;
  readonly leaseMs: number;
  /**
   * Who receives: told by `consumers`, where the carrier knows them. The same name for as long as a consumer
   * lives, and no other has it at the same time: it is made of host, process and a random part.
   */
  readonly consumer?: string;
  readonly signal?: AbortSignal;
}

/**
 * How a delivery ends: done; again after a delay; given back untried; to the dead-letter queue.
 *
 * `postpone` stores the message for later: after `delayMs` it comes as if for the first time. Its id, body, headers, key
 * and `enqueuedAt` stay the same, and its next delivery has `deliveries` 1, so that postponing never brings it to
 * `maxDeliveries`. It is stored before the old delivery is removed: a crash in between leaves two copies, never none. On an
 * ordered topic it keeps its place, and the others of its key wait for it. Where the carrier `countsPostponed` it only hides
 * the message and goes on counting: whoever postpones must make do with the deliveries that are left. What another program
 * counts in an entry of its own stays as it is.
 */
export type Settlement = { readonly receipt: Receipt } & (
  | { readonly action: 'ack' }
  | { readonly action: 'retry'; readonly delayMs: number }
  | { readonly action: 'postpone'; readonly delayMs: number }
  | { readonly action: 'release' }
  | { readonly action: 'deadLetter'; readonly headers: Headers }
);

/** `accepted`, or why not. */
export type SendOutcome = 'accepted' | SendFailure;

export interface SendFailure {
  readonly error: TransportError;
  /** The subscriptions whose copy is missing, where others were stored: sent again as `only`. */
  readonly missing?: readonly string[];
}

/**
 * `settled`; `unverified` when the carrier cannot say whether the delivery was still ours (SQS, past the
 * lease); a `LeaseLost` error when it says it was not; any other error when nothing was settled.
 */
export type SettleOutcome = 'settled' | 'unverified' | TransportError;

export interface Depth {
  readonly ready: number;
  readonly inFlight: number;
  readonly delayed: number;
  readonly dead: number;
}

/** A consumer as the carrier knows it: by the name that it receives under. Unix time in ms. */
export interface ConsumerInfo {
  readonly name: string;
  /** When it was first seen; of one that was forgotten in between, when it came back. */
  readonly since: number;
  /** When it last received or extended; settled, where the carrier notes that. */
  readonly lastSeen: number;
  /** Deliveries it holds. */
  readonly inFlight: number;
}

/**
 * What stands in a subscription's dead-letter queue. Where the carrier cannot peek, `scan` leases what it
 * shows; whoever scans gives it back with `release`, replays it, or purges it.
 */
export interface DeadLetterQueue {
  /** One page; an empty one when nothing more can be seen. Does not show twice what is leased. */
  scan(
    address: Address,
    options: { max: number; leaseMs: number; signal?: AbortSignal },
  ): Promise<DeadLetter[]>;
  /** Sends dead letters back to their subscription, bytes and id kept, with these headers. Stored before removed. */
  replay(
    address: Address,
    letters: readonly { letter: DeadLetter; headers: Headers }[],
  ): Promise<SettleOutcome[]>;
  /** Removes them for good. */
  purge(address: Address, letters: readonly DeadLetter[]): Promise<SettleOutcome[]>;
  release(address: Address, letters: readonly DeadLetter[]): Promise<SettleOutcome[]>;
}

export interface DeadLetter {
  readonly id: string;
  readonly body: string;
  /** Those it was sent with, and what was added when it was dead-lettered. */
  readonly headers: Headers;
  readonly key?: string;
  readonly enqueuedAt: number;
  readonly receipt: Receipt;
}

/** What a topic keeps of what a subscription has been handed: from it the subscription can be replayed by time. */
export interface History {
  /**
   * One page of what was handed over to this subscription at least once, oldest first; an empty one at the end.
   * Only of what was sent to all of the topic's subscriptions at once, without a delay.
   */
  read(address: Address, page: HistoryPage): Promise<HistoryMessage[]>;
  /**
   * Gives messages to this subscription once more, and to no other: bytes and id kept, with these headers, delivered
   * as if for the first time. One that is not done yet is left as it is.
   */
  replay(
    address: Address,
    messages: readonly { message: HistoryMessage; headers: Headers }[],
  ): Promise<HistoryOutcome[]>;
}

/** By when messages were accepted: Unix time in ms, by the carrier's clock. */
export interface HistoryRange {
  readonly from: number;
  /** Before this. */
  readonly to: number;
}

export interface HistoryPage extends HistoryRange {
  readonly max: number;
  /** The receipt of the last message of the page before. */
  readonly after?: Receipt;
}

export interface HistoryMessage {
  readonly id: string;
  readonly headers: Headers;
  readonly key?: string;
  readonly enqueuedAt: number;
  /** The subscription is not done with it: it is in flight, or waits to come again. */
  readonly undone: boolean;
  readonly receipt: Receipt;
}

/** `replayed`; `undone`, and so left as it is; or why not: `NotFound` when it is no longer kept. */
export type HistoryOutcome = 'replayed' | 'undone' | TransportError;

/**
 * To all who listen at this moment, at most once each, and kept for nobody: not a subscription. A topic needs none, and
 * need not stand in the topology.
 */
export interface Broadcast {
  /**
   * Resolves once the carrier has passed them on, to however many. An outcome for each, in order. Nothing is said twice:
   * after a rejection it is unknown who has heard it. Whoever listens is told in a later turn, never during the call,
   * and in the order of the calls, also of those that are under way together.
   */
  notify(topic: string, notices: readonly Notice[]): Promise<SendOutcome[]>;
  /**
   * Resolves once it listens: what is notified from then on is told to `onNotice`, in the order the carrier has it, until
   * `close`. A connection that breaks is made again, and what was said meanwhile is missed: `onGap` is told.
   */
  listen(topic: string, told: Told): Promise<Listening>;
}

/** What is said to whoever listens. */
export type Notice = Pick<Outgoing, 'id' | 'body' | 'headers'>;

/** None of them throws. */
export interface Told {
  onNotice(notice: Notice): void;
  /** It listens no more, and tries to again by itself. Where a carrier cannot be away, never called. */
  onAway(reason: TransportError): void;
  /** Something may have been missed: it listens again. The reason is the one that it went away for. */
  onGap(reason: TransportError): void;
}

export interface Listening {
  /** Nothing is told from the call on. Never rejects, and may be called twice. */
  close(): Promise<void>;
}

/** What only some carriers can do. */
export type Capability =
  /**
   * Carries topics that ask for order: a receive takes messages of one key in the order they were sent, and
   * none of that key come to anybody while any of them is in flight or waits for its retry. Messages without a
   * key are independent of each other.
   */
  | 'ordered'
  /** On ordered topics, a message sent again under its id within five minutes is accepted and not stored again. */
  | 'deduplicate'
  /** Knows who consumes: `consumers` tells those that name themselves when they receive. */
  | 'consumers'
  /** Keeps what has been handled for a while: `history` reads it, and replays a subscription from it. */
  | 'history'
  /** Tells who listens now, at most once: `broadcast`. */
  | 'broadcast';

/** What the carrier takes at most. */
export interface Limits {
  /** Messages in one `send`. */
  readonly sendEntries: number;
  /** Bytes in one `send`, by `sizeOf`. */
  readonly sendBytes: number;
  /** Bytes of one message, by `sizeOf`; room for what is added to a dead letter is already taken off. */
  readonly messageBytes: number;
  readonly publishDelayMs: number;
  /** Messages in one `receive`. */
  readonly receiveEntries: number;
  readonly waitMs: number;
  /** Settlements in one `settle`, receipts in one `extend`, dead letters in one call. */
  readonly settleEntries: number;
  readonly retryDelayMs: number;
  /** The longest delay of a `postpone`. Where the carrier `countsPostponed` that is `retryDelayMs`. */
  readonly postponeDelayMs: number;
  /** The longest lease, and how long all leases of one delivery may be together. */
  readonly leaseMs: number;
  /** Delays, leases and waits are rounded up to a multiple of this. */
  readonly granularityMs: number;
}

/** What flows, as much of it as a driver must know. */
export interface Topology {
  readonly prefix: string;
  readonly topics: readonly TopicTopology[];
}

export interface TopicTopology {
  readonly name: string;
  /** Whether messages of one key have to stay in order. Only carriers that are `ordered` take such a topic. */
  readonly ordered?: boolean;
  readonly subscriptions: readonly SubscriptionTopology[];
}

export interface SubscriptionTopology {
  readonly name: string;
  /** The lease where a receiver names none: Lambda's event source never does. */
  readonly leaseMs: number;
  /**
   * Deliveries after which the carrier itself dead-letters what the last one has left without an answer: the net under us,
   * well above our own limit.
   */
  readonly maxDeliveries: number;
}

/** What of a message takes bytes. */
export type Sized = Pick<Outgoing, 'id' | 'body' | 'headers' | 'key'>;

/**
 * Bytes a message takes on the wire: body, id, key and headers in UTF-8, headers framed as JSON; never fewer
 * than a carrier counts.
 */
export function sizeOf({ id, body, headers, key }: Sized): number {
  let bytes = Buffer.byteLength(body) + Buffer.byteLength(id) + FRAME_BYTES;
  if (key !== undefined) bytes += Buffer.byteLength(key);
  for (const _ in headers) {
    bytes += Buffer.byteLength(escapeBeyond(JSON.stringify(headers)));
    break;
  }
  return bytes;
}

/** Whether a message takes at most so many bytes, by `sizeOf`: counted only where its length leaves that open. */
export function fits(message: Sized, bytes: number): boolean {
  return sizeAtMost(message) <= bytes || sizeOf(message) <= bytes;
}

/** Never less than `sizeOf`, up to three times as much, and had for nothing. */
export function sizeAtMost(message: Sized): number {
  for (const _ in message.headers) return sizeOf(message);
  // No character of UTF-16 takes more than three bytes.
  return 3 * (message.body.length + message.id.length + (message.key?.length ?? 0)) + FRAME_BYTES;
}

/** Room for the names and types of the fields that carry id, key and headers. */
const FRAME_BYTES = 64;
