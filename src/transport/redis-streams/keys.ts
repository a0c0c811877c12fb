import type { Address } from '../transport.ts';

/** The keys of a subscription. All of a topic share one hash tag, so that a script may touch them together. */
export interface SubscriptionKeys {
  readonly stream: string;
  /** Sorted set: messages held apart from the stream, by when they become ready. */
  readonly waiting: string;
  /** Sorted set: held messages in flight, by when their lease ends. */
  readonly leased: string;
  /** Hash: the bytes of held messages. */
  readonly bodies: string;
  /** Hash: how often each was delivered, and the token of its delivery. */
  readonly states: string;
  /** Stream: dead letters. */
  readonly dead: string;
  /** Sorted set: dead letters, by when they may be shown again. */
  readonly shown: string;
  /** There while somebody has just looked for abandoned messages. */
  readonly swept: string;
  /** Hash: what was read together under one lease; one for all subscriptions of the topic. */
  readonly lots: string;
}

/** `<prefix>:{<topic>}:stream`. */
export function streamKey(prefix: string, topic: string): string {
  return `${prefix}:{${topic}}:stream`;
}

export function lotsKey(prefix: string, topic: string): string {
  return `${prefix}:{${topic}}:lots`;
}

/** `<prefix>:{<topic>}:<subscription>:…`. */
export function subscriptionKeys(prefix: string, { topic, subscription }: Address): SubscriptionKeys {
  const own = `${prefix}:{${topic}}:${subscription}`;
  return {
    stream: streamKey(prefix, topic),
    waiting: `${own}:waiting`,
    leased: `${own}:leased`,
    bodies: `${own}:bodies`,
    states: `${own}:states`,
    dead: `${own}:dead`,
    shown: `${own}:dead-shown`,
    swept: `${own}:swept`,
    lots: lotsKey(prefix, topic),
  };
}
