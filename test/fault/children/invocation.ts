/** How an environment of a function ends before it has answered. */
export interface Death {
  /**
   * A handler `blocks` its thread until the time is up, or `exits` the process; all are handled, and the answer is never
   * given (`unanswered`); or it is `killed` in the middle by whoever started it.
   */
  readonly how: 'blocks' | 'exits' | 'unanswered' | 'killed';
  /** Which handling it is that does so, from 1. */
  readonly at: number;
}

export interface Invocation {
  readonly event: unknown;
  /** After which it is killed, in ms. */
  readonly timeoutMs: number;
  readonly death?: Death | undefined;
}

/** What the function returned, or why it threw. */
export type Answer = { readonly result: unknown } | { readonly error: string };
