import type { Stats } from 'node:fs';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dialect } from '../dialects/dialect.ts';
import { ifThere } from './errors.ts';
import { createLimiter } from './limiter.ts';
import { readEntry } from './read.ts';

export interface ArrivalsOptions {
  readonly folder: string;
  readonly dialect: Dialect<string>;
  /** A whole file is there; `at`: when it was written, in Unix ms. */
  onWhole(name: string, at: number): void;
}

/** Other programs' files: which have been moved here whole, and which are still being written. */
export interface Arrivals {
  /** The system tells of a name that comes or goes, while it is being watched. */
  told(name: string): void;
  /** The system tells that what has this name was written to. */
  written(name: string): void;
  /** Found in a list of the folder: nobody has seen how it came. */
  found(name: string): void;
  close(): void;
}

/** A file that nobody has written to for so long is whole, unless it shows that it is not. In ms. */
const QUIET_MS = 1_000;
/** What shows that something is missing is waited for this long, and then taken as it is. In ms. */
const TORN_MS = 5_000;
/** What was moved here is not written to within this time after it has been seen, in ms. */
const MOVED_MS = 4;
/** How many that come are looked at at once. Of what was there, one: it may be much, and what is whole is taken meanwhile. */
const AT_ONCE = 8;
/** Elsewhere the system does not tell of every write. */
const TELLS_OF_WRITES = process.platform === 'linux';

interface Pending {
  /** What changes with every write. */
  state: string;
  /** Since when it is so, on this process's monotonic clock. */
  since: number;
  /** It came while it was watched. */
  readonly told: boolean;
  /** It came so, and has not been written to since. */
  moved: boolean;
  timer: NodeJS.Timeout | undefined;
}

export function createArrivals({ folder, dialect, onWhole }: ArrivalsOptions): Arrivals {
  const pending = new Map<string, Pending>();
  const come = createLimiter(AT_ONCE);
  const there = createLimiter(1);
  let closed = false;

  function begin(name: string, told: boolean): void {
    if (closed || pending.has(name)) return;
    const one: Pending = { state: '', since: 0, told, moved: told && TELLS_OF_WRITES, timer: undefined };
    pending.set(name, one);
    void check(name, one);
  }

  async function check(name: string, one: Pending): Promise<void> {
    one.timer = undefined;
    // What cannot be looked at now is found again in a list of the folder.
    const again = await (one.told ? come : there)(() => look(name, one)).catch(() => undefined);
    if (again === undefined || closed) {
      if (pending.get(name) === one) pending.delete(name);
      return;
    }
    // Not at once, for what the system has to tell by then is told first.
    one.timer = setTimeout(() => setImmediate(() => void check(name, one)), Math.ceil(again));
    one.timer.unref();
  }

  /** In how many ms to look again. Undefined when it has been told of, is gone, or is no file. */
  async function look(name: string, one: Pending): Promise<number | undefined> {
    const path = join(folder, name);
    const found = await ifThere(lstat(path));
    if (!found?.isFile()) return undefined;
    const state = stateOf(found);
    const now = performance.now();
    if (state !== one.state) {
      // It came before anybody watched: how long it has been quiet, its times tell.
      const quietMs = one.state === '' && !one.moved ? ageOf(found) : 0;
      one.moved &&= one.state === '' && found.size > 0;
      one.state = state;
      one.since = now - quietMs;
    }
    const quiet = now - one.since;
    const wanted = one.moved ? MOVED_MS : QUIET_MS;
    if (quiet < wanted) return wanted - quiet;
    if (!one.moved && quiet < TORN_MS) {
      if (!(await isComplete(path))) return Math.min(QUIET_MS, TORN_MS - quiet);
      const then = await ifThere(lstat(path));
      if (then === undefined || stateOf(then) !== state) return QUIET_MS;
    }
    onWhole(name, Math.trunc(found.mtimeMs));
    return undefined;
  }

  async function isComplete(path: string): Promise<boolean> {
    const content = await readEntry(path);
    if (content?.text === undefined) return content?.torn !== true;
    return dialect.complete?.(content.text) ?? true;
  }

  return {
    told: (name) => begin(name, true),
    written(name) {
      const one = pending.get(name);
      if (one !== undefined) one.moved = false;
    },
    found: (name) => begin(name, false),
    close() {
      closed = true;
      for (const { timer } of pending.values()) clearTimeout(timer);
      pending.clear();
    },
  };
}

function stateOf({ ino, size, ctimeMs }: Stats): string {
  return `${ino} ${size} ${ctimeMs}`;
}

function ageOf({ ctimeMs }: Stats): number {
  return Math.min(TORN_MS, Math.max(0, Date.now() - ctimeMs));
}
