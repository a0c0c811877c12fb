import type { RetryPolicy } from '../../../src/consume/retry-policy.ts';
import type { Poison } from '../ledger/entry.ts';
import type { Breakage } from './break-driver.ts';
import type { Answer, Invocation } from './invocation.ts';
import type { LoadTopology } from './load.ts';

/** What every child is started with: JSON, its only argument. Durations in ms. */
export interface ChildOptions {
  readonly name: string;
  /** Where the ledger listens. */
  readonly ledger: string;
  readonly url: string;
  readonly topology: LoadTopology;
  /** How its driver is broken, to judge the judge. */
  readonly breakage?: Breakage;
}

export interface ProducerOptions extends ChildOptions {
  /** Publishes under way at once; on an ordered topic each has a key. */
  readonly lanes: number;
  readonly perSecond: number;
  /** Within which each message has to be handled. Default: no matter when. */
  readonly ttlMs?: number;
  /** Ends by itself after so many; else when it is told to. */
  readonly count?: number;
  /** Of every so many messages the first is poison. */
  readonly poison?: { readonly every: number; readonly kind: Poison };
}

export interface ConsumerOptions extends ChildOptions {
  readonly concurrency: number;
  readonly workMs: number;
  readonly retry: RetryPolicy;
  /** Within which it closes at SIGTERM. */
  readonly deadlineMs: number;
}

export interface FunctionOptions extends ChildOptions {
  /** Behind an event source, or a drain. */
  readonly host: 'sqs' | 'drain';
  readonly workMs: number;
  readonly retry: RetryPolicy;
  readonly handlerTimeoutMs: number;
}

/** What the judge tells a child. */
export type ToChild =
  /** Publishes so fast from now on. */
  | { readonly do: 'hurry'; readonly perSecond: number }
  /** No more; ends by itself. */
  | { readonly do: 'stop' }
  /** Every handling fails from now on, or no more. */
  | { readonly do: 'fail'; readonly failing: boolean }
  | { readonly do: 'measureHeap' }
  | { readonly do: 'invoke'; readonly invocation: Invocation }
  /** Its wall clock is off by so much. */
  | { readonly do: 'shiftClock'; readonly ms: number };

/** What a child tells the judge besides what it tells the ledger. */
export type FromChild =
  | { readonly ready: true }
  | { readonly heapBytes: number }
  | { readonly answer: Answer };
