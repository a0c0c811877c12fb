import type { Arena } from './arena.ts';
import type { Carrier, Topology } from './carriers/carrier.ts';

/** A kind of fault: how it is made, and what it allows. */
export interface Fault {
  readonly name: string;
  /** On which carriers it can be made. Default: all. */
  suits?(carrier: Carrier): boolean;
  /** It is the carrier that does it: made on hostile ones, and on no others. */
  readonly hostile?: boolean;
  /** One server takes the place of another: made on carriers of these topologies, and on no others. */
  readonly topologies?: readonly Topology[];
  /** Of the Redis that it is made on. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Loses power: what its Redis has synced to disk is noted, which needs a C compiler. */
  readonly losesPower?: boolean;
  /** Meddles with the machine's disk or clock, which needs a C compiler. */
  readonly meddles?: boolean;
  /** Of the consumers, in ms. Default 2,000, which a busy machine may take for itself: longer where nobody dies. */
  readonly leaseMs?: number;
  /** After how many deliveries the carrier itself gives up. Default: far more than there are. */
  readonly maxDeliveries?: number;
  /** Makes it, as often as the run asks for. What is left is drained and judged afterwards. */
  run(arena: Arena): Promise<Allowance>;
}

/** What a fault allows. Nothing else may happen. */
export interface Allowance {
  /** How often it was made. */
  readonly times: number;
  /** How many handlings more than messages, at most. */
  readonly duplicates: number;
  /** How long it may take from the end of a fault until what is published then is handled, and what was at work. In ms. */
  readonly recoveryMs: number;
  /** Messages that may be lost, because it destroys them. Default: none. */
  readonly mayLose?: ReadonlySet<string>;
  /**
   * So many may be begun although another has acknowledged them for certain: a process that is suspended between its
   * last look at a lease and its handler cannot know. Default: none.
   */
  readonly begunAfterwards?: number;
  /** What was acknowledged for certain may come again: it destroys what the carrier knew. Default: no. */
  readonly forgets?: boolean;
  /** Poison that throws has been begun exactly so often. */
  readonly attempts?: number;
  /** What else was seen to be wrong. */
  readonly problems?: readonly string[];
  /** Worth telling beside the numbers. */
  readonly note?: string;
}
