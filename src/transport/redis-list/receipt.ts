import type { Headers } from '../transport.ts';

/** What was taken together under one lease, as the server knows it. */
export interface Lot {
  readonly id: string;
  readonly size: number;
  /** The key of the list that has its entries. */
  readonly list: string;
}

/** One delivery: where it stands on the server, and what has to be said again about a dead letter. */
export class ListReceipt {
  lot: Lot;
  /** In its lot, from 1. */
  place: number;
  readonly id: string;
  readonly headers: Headers;
  /** The entry as it stands in the list. */
  readonly native: string;
  /** The server has ended it for us. */
  over = false;
  /** Resolves when the extension that is under way has been answered, or has failed. */
  extending: Promise<void> | undefined;
  constructor(lot: Lot, place: number, id: string, headers: Headers, native: string) {
    this.lot = lot;
    this.place = place;
    this.id = id;
    this.headers = headers;
    this.native = native;
  }
}

/** Stands for one dead letter: the text that it is in the list of dead letters. */
export class DeadLetterReceipt {
  readonly native: string;
  constructor(native: string) {
    this.native = native;
  }
}
