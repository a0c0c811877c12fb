import type { Fields } from '../dialects/dialect.ts';
import type { Frame } from '../redis/frame.ts';

/** Entries that were read together under one lease, see `scripts/lots.ts`. */
export interface Lot {
  readonly token: string;
  readonly size: number;
}

/** One delivery: where it stands on the server, and what has to be said again about a dead letter. */
export class RedisReceipt {
  /** The entry's id in the stream; or, with a token, the id of a message held apart. */
  readonly place: string;
  /** Sets this delivery of a held message apart from others. An entry of the stream is delivered only once. */
  readonly token: string | undefined;
  /** Who received it: what its consumer's name on the server begins with. */
  readonly owner: string;
  readonly frame: Frame;
  /** On `performance.now()`. */
  leaseUntil: number;
  /** Of an entry that was read in one. The server may have spread it since: then the entry is pending, like all others. */
  readonly lot: Lot | undefined;
  /** The server has ended it for us. */
  over = false;
  constructor(
    place: string,
    token: string | undefined,
    owner: string,
    frame: Frame,
    leaseUntil: number,
    lot?: Lot,
  ) {
    this.place = place;
    this.token = token;
    this.owner = owner;
    this.frame = frame;
    this.leaseUntil = leaseUntil;
    this.lot = lot;
  }
}

/** Stands for one dead letter, by its id in the stream of dead letters. */
export class DeadLetterReceipt {
  readonly place: string;
  /** What an entry of others was before. */
  readonly fields: Fields;
  constructor(place: string, fields: Fields = []) {
    this.place = place;
    this.fields = fields;
  }
}

/** Stands for one message of the past, by its id in the stream. */
export class HistoryReceipt {
  readonly place: string;
  constructor(place: string) {
    this.place = place;
  }
}
