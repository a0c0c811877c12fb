import { createHash, randomBytes } from 'node:crypto';

/**
 * What stands in front of a file's own name once it has been handed over, delayed or given back:
 * `<at>+<span>.<deliveries>.<token>~<stem>`.
 */
export interface EntryName {
  /** The name the file came with, which it keeps for as long as it lives. */
  readonly stem: string;
  /** Unix ms: in `inflight` the end of the lease, in `delayed` when it is due, in `new` its place among the others. */
  readonly at: number;
  /** How long it was until then when the name was made, in ms: the clock may have been set since. */
  readonly span: number;
  readonly deliveries: number;
  /** Of the last delivery: no two names with a token are the same. */
  readonly token: string;
}

/** More digits are no name of ours. */
export const MOST_DELIVERIES = 999_999;

const MARKED = /^(\d{13})\+(\d{1,9})\.(\d{1,6})\.([0-9a-f]{10}-[0-9a-z]{1,9})~([^.].*)$/s;
const OURS = /^(\d{13})-[0-9a-z]{6}-[0-9a-f]{10}\.msg$/;

export function formatName({ stem, at, span, deliveries, token }: EntryName): string {
  return `${String(Math.trunc(at)).padStart(13, '0')}+${Math.trunc(span)}.${deliveries}.${token}~${stem}`;
}

/** Undefined for a name that has nothing in front: one that a message, or another program, came with. */
export function parseName(name: string): EntryName | undefined {
  const [, at, span, deliveries, token = '', stem = ''] = MARKED.exec(name) ?? [];
  if (at === undefined) return undefined;
  return { stem, at: Number(at), span: Number(span), deliveries: Number(deliveries), token };
}

/** What a dead letter is called where another has its own name: shown to nobody, delivered to nobody. */
export function deadName(name: EntryName): string {
  return formatName({ ...name, at: 0, span: 0, deliveries: 0 });
}

/** When a message of ours was accepted, in Unix ms, by the name it came with. Undefined for other programs' files. */
export function acceptedAt(stem: string): number | undefined {
  const [, at] = OURS.exec(stem) ?? [];
  return at === undefined ? undefined : Number(at);
}

/** Of temporary files, and of what else its owner hides. */
export function isHidden(name: string): boolean {
  return name.startsWith('.') || name.endsWith('.tmp');
}

/** Leaves room for what stands in front: a file system takes 255 bytes. */
const LONGEST_STEM = 190;

/** The name another program's file came with, cut where it would not fit, and then told from others by a hash. */
export function stemOf(name: string): string {
  if (Buffer.byteLength(name) <= LONGEST_STEM) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16);
  // A character that is cut in half becomes U+FFFD, and fits.
  const head = Buffer.from(name)
    .subarray(0, LONGEST_STEM - 20)
    .toString()
    .replace(/\ufffd$/, '');
  return `${head}~${hash}`;
}

/** Makes names that no other has, of any process, in the order of time. */
export interface Namer {
  stem(now?: number): string;
  token(): string;
}

export function createNamer(): Namer {
  const instance = randomBytes(5).toString('hex');
  let count = 0;
  let last = 0;
  return {
    stem(now = Date.now()) {
      // The clock may be set back; what comes later still stands later.
      last = Math.max(last, now);
      const sequence = (count++ % 36 ** 6).toString(36).padStart(6, '0');
      return `${String(last).padStart(13, '0')}-${sequence}-${instance}.msg`;
    },
    token: () => `${instance}-${(count++).toString(36)}`,
  };
}
