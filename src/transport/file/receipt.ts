import type { Headers } from '../transport.ts';
import type { EntryName } from './entry-name.ts';

/** One delivery: the file in `inflight` that it is. */
export class FileReceipt {
  readonly id: string;
  readonly headers: Headers;
  /** The file's text; undefined when it has none that can be read. */
  readonly native: string | undefined;
  readonly enqueuedAt: number;
  /** It changes with each extension. */
  name: EntryName;
  /** What is done with the file is done in turn. */
  busy: Promise<unknown> = Promise.resolve();
  constructor(fields: Omit<FileReceipt, 'busy'>) {
    this.id = fields.id;
    this.headers = fields.headers;
    this.native = fields.native;
    this.enqueuedAt = fields.enqueuedAt;
    this.name = fields.name;
  }
}

/** Stands for one dead letter, by what its file in `dead` is called since it was shown. */
export class DeadLetterReceipt {
  readonly name: EntryName;
  /** What it was before, which a replay writes anew; undefined where no text holds it: then the file itself is moved. */
  readonly native: string | undefined;
  constructor(name: EntryName, native: string | undefined) {
    this.name = name;
    this.native = native;
  }
}
