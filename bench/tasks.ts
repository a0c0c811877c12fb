/** What the two ends of a driver are told to do, and what they answer. Each task is answered by one message. */
export type Task =
  | { readonly do: 'saturate'; readonly from: number; readonly count: number }
  | ({ readonly do: 'pace' } & Pacing)
  /** Begins to consume messages whose numbers are below `most`. */
  | { readonly do: 'open'; readonly most: number }
  /** Answered when `count` different messages have been handled. */
  | { readonly do: 'handle'; readonly count: number }
  /** Closes, and tells what has been; latencies of the first `skip` numbers do not count. */
  | { readonly do: 'close'; readonly skip: number };

export interface Pacing {
  readonly from: number;
  /** Messages a second. */
  readonly rate: number;
  readonly seconds: number;
  /**
   * Whether a message's latency counts from when it was due or from when it was sent: from `due`, a producer that
   * falls behind shows.
   */
  readonly latencyFrom: 'due' | 'sent';
}

export interface Paced {
  /** How many were sent: fewer than asked for by a producer that did not keep up. */
  readonly sent: number;
  readonly ms: number;
}

export interface Consumed {
  readonly handled: number;
  /** Without those handled again. */
  readonly distinct: number;
  /** From end to end, in ms; NaN where none was taken. */
  readonly latencies: {
    readonly p50: number;
    readonly p95: number;
    readonly p99: number;
    readonly max: number;
  };
}
