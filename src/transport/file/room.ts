import type { FSWatcher } from 'node:fs';
import { readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dialect } from '../dialects/dialect.ts';
import type { TransportError } from '../errors.ts';
import type { Incoming, ReceiveOptions } from '../transport.ts';
import { createArrivals } from './arrivals.ts';
import { claim } from './claim.ts';
import { createExpiry, SYSTEM_CLOCK } from './clock.ts';
import type { Place } from './directory.ts';
import {
  acceptedAt,
  deadName,
  type EntryName,
  formatName,
  isHidden,
  type Namer,
  parseName,
} from './entry-name.ts';
import { closedError, happened, ifThere, transportError } from './errors.ts';
import { checkFolders, sweep } from './folders.ts';
import type { Limiter } from './limiter.ts';
import { LIMITS } from './limits.ts';
import { createReady } from './ready.ts';
import type { Item } from './sorted.ts';
import { moveKeepingName } from './store.ts';
import { createTimed } from './timed.ts';
import { watchFolder } from './watch.ts';

export interface RoomOptions {
  readonly place: Place;
  readonly namer: Namer;
  readonly dialect: Dialect<string>;
  readonly limiter: Limiter;
  readonly syncFolder: (folder: string) => Promise<void>;
  /** Ends deliveries that nobody will handle. */
  giveBack(received: readonly Incoming[]): Promise<void>;
}

/** Where a subscription is consumed: what this process knows of its folders, and who waits for more. */
export interface Room {
  receive(options: ReceiveOptions): Promise<Incoming[]>;
  /** This process has put a file there. */
  ready(name: string): void;
  delayed(name: string): void;
  /** This process holds a lease that ends in so many ms. */
  leased(ms: number): void;
  close(): void;
}

/** Others lease, and die: after something has happened, this soon they are looked after, in ms. */
const LOOK_AFTER_MS = 400;
/** How often all is looked at again, whatever the system has told: it may have been too much to tell. In ms. */
const LOOK_AGAIN_MS = 5_000;
/** The same where the system tells of nothing. In ms. */
const POLL_MS = 100;
/** Of what looking takes, at least this many times as long goes by before the next look. */
const REST = 50;
/** What is over is put back so many at a time. */
const AT_ONCE = 1_000;

export function createRoom(options: RoomOptions): Room {
  const { place, namer, dialect, limiter, giveBack } = options;
  const { folders } = place;
  const expiry = createExpiry(SYSTEM_CLOCK);
  const ready = createReady();
  const leased = createTimed(expiry);
  const delayed = createTimed(expiry);
  const waiting = new Set<() => void>();
  const arrivals = createArrivals({
    folder: folders.ready,
    dialect,
    onWhole(name, at) {
      ready.put(name, at);
      wakeAll();
    },
  });
  let watchers: FSWatcher[] | undefined;
  /** The folder that is watched: another one may have been made in its place. */
  let watched = 0;
  /** What will not be taken: folders, links. */
  let unfit = new Set<string>();
  let listAt = 0;
  let leasesAt = 0;
  let refreshing: Promise<void> | undefined;
  let closed = false;

  function wakeAll(): void {
    for (const wake of [...waiting]) wake();
  }

  function lookAtLeasesBy(at: number): void {
    if (at >= leasesAt) return;
    leasesAt = at;
    wakeAll();
  }

  function onReadyName(name: string): void {
    if (isHidden(name)) return;
    const at = placeOf(name);
    if (at === undefined) {
      // Taken by another, or another file by the same name: it is looked at anew.
      ready.remove(name);
      arrivals.told(name);
    } else if (ready.told(name, at)) {
      wakeAll();
    } else return;
    // Others may have taken it.
    lookAtLeasesBy(performance.now() + LOOK_AFTER_MS);
  }

  function onEnd(): void {
    stopWatching();
    wakeAll();
  }

  function stopWatching(): void {
    for (const watcher of watchers ?? []) watcher.close();
    watchers = undefined;
  }

  /** Before it lists, so that nothing falls between. */
  async function startWatching(): Promise<void> {
    await checkFolders(place);
    const found = await stat(folders.ready);
    if (closed) return;
    watched = found.ino;
    const quiet = { onWritten: () => undefined, onEnd };
    const started = [
      watchFolder(folders.ready, { onName: onReadyName, onWritten: arrivals.written, onEnd }),
      watchFolder(folders.delayed, {
        ...quiet,
        onName(name) {
          delayed.add(name);
          wakeAll();
        },
      }),
    ];
    watchers = started.filter((watcher) => watcher !== undefined);
    await sweep(place);
  }

  /** Lists what is ready and what is delayed. */
  async function list(): Promise<void> {
    const startedAt = performance.now();
    if (watchers !== undefined && (await stat(folders.ready)).ino !== watched) stopWatching();
    if (watchers === undefined) await startWatching();
    const [entries, later] = await Promise.all([
      readdir(folders.ready, { withFileTypes: true }),
      readdir(folders.delayed),
    ]);
    const left = new Set<string>();
    for (const entry of entries) {
      const { name } = entry;
      if (unfit.has(name)) left.add(name);
      if (!entry.isFile() || isHidden(name) || unfit.has(name)) continue;
      const at = placeOf(name);
      if (at !== undefined) ready.add(name, at);
      else if (!ready.has(name)) arrivals.found(name);
    }
    unfit = left;
    delayed.replace(later);
    const now = performance.now();
    const often = watchers?.length === 2 ? LOOK_AGAIN_MS : POLL_MS;
    listAt = now + Math.max(often, (now - startedAt) * REST);
  }

  async function lookAtLeases(): Promise<void> {
    leasesAt = performance.now() + LOOK_AGAIN_MS;
    leased.replace(await readdir(folders.inflight));
    leasesAt = Math.min(leasesAt, Math.max(leased.next(), performance.now() + 1));
  }

  /** Makes ready again what is due, and what its consumer has not settled in time. */
  async function bringBack(): Promise<void> {
    const now = performance.now();
    const ended = leased.due(now, AT_ONCE);
    const due = delayed.due(now, AT_ONCE);
    await Promise.all([
      ...ended.map((name) => moveBack(folders.inflight, name)),
      ...due.map((name) => moveBack(folders.delayed, name)),
    ]);
  }

  async function moveBack(folder: string, name: string): Promise<void> {
    const parsed = parseName(name);
    if (parsed === undefined) return;
    const isLease = folder === folders.inflight;
    if (isLease && parsed.deliveries >= place.maxDeliveries) return giveUp(name, parsed);
    // Abandoned, it keeps its place; delayed, it comes when it is due.
    const at = isLease ? (acceptedAt(parsed.stem) ?? parsed.at - parsed.span) : parsed.at;
    const again = formatName({ ...parsed, at, span: 0 });
    if (!(await limiter(() => happened(rename(join(folder, name), join(folders.ready, again)))))) return;
    ready.add(again, at);
    wakeAll();
  }

  /** A dead letter, as it is, after its last delivery: it ends its consumers, and would go on to for ever. */
  async function giveUp(name: string, parsed: EntryName): Promise<void> {
    const from = join(folders.inflight, name);
    const moving = () => ifThere(moveKeepingName(from, folders.dead, parsed.stem, deadName(parsed)));
    if ((await limiter(moving)) !== undefined) await options.syncFolder(folders.dead);
  }

  async function refresh(listNow: boolean): Promise<void> {
    try {
      const now = performance.now();
      if (listNow || watchers === undefined || (now >= listAt && ready.size === 0)) await list();
      if (listNow || performance.now() >= leasesAt) await lookAtLeases();
      await bringBack();
    } catch (error) {
      stopWatching();
      throw transportError(error, folders.ready);
    }
  }

  /** One at a time, for all who wait. */
  function refreshed(listNow: boolean): Promise<void> {
    refreshing ??= refresh(listNow).finally(() => {
      refreshing = undefined;
    });
    return refreshing;
  }

  async function take(max: number, leaseMs: number): Promise<Incoming[]> {
    const taken: Incoming[] = [];
    while (taken.length < max) {
      const items = ready.take(max - taken.length);
      if (items.length === 0) break;
      const lost: Item[] = [];
      const claims = await Promise.allSettled(
        items.map((item) => limiter(() => claimOne(item, leaseMs, lost))),
      );
      lookAtLeasesBy(performance.now() + leaseMs + 2);
      for (const one of claims) {
        if (one.status === 'fulfilled' && one.value !== undefined) taken.push(one.value);
      }
      const missing = await whyLost(lost);
      const failed = claims.find((one) => one.status === 'rejected');
      if (missing === undefined && failed === undefined) continue;
      // What was claimed is handed over; whatever is wrong comes up again.
      if (taken.length > 0) break;
      throw transportError(missing ?? failed?.reason, folders.inflight);
    }
    return taken;
  }

  async function claimOne(item: Item, leaseMs: number, lost: Item[]): Promise<Incoming | undefined> {
    try {
      const claimed = await claim(item.name, { place, namer, dialect, leaseMs });
      if (claimed === 'lost') lost.push(item);
      if (claimed === 'unfit') unfit.add(item.name);
      return typeof claimed === 'string' ? undefined : claimed;
    } catch (error) {
      ready.put(item.name, item.at);
      throw error;
    }
  }

  /** Others were quicker; or there is nowhere to move them, which is answered, and they are taken once there is. */
  async function whyLost(lost: readonly Item[]): Promise<TransportError | undefined> {
    if (lost.length === 0) return undefined;
    try {
      await checkFolders(place);
      return undefined;
    } catch (error) {
      for (const { name, at } of lost) ready.put(name, at);
      return transportError(error, folders.inflight);
    }
  }

  async function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    const now = performance.now();
    const next = Math.min(now + ms, listAt, leasesAt, delayed.next());
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.ceil(Math.max(0, next - now)));
      waiting.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  return {
    async receive({ max, waitMs, leaseMs, signal }) {
      const most = Math.min(max, LIMITS.receiveEntries);
      const deadline = performance.now() + waitMs;
      for (let looked = false; ; ) {
        if (closed) throw closedError();
        if (signal?.aborted) return [];
        await refreshed(looked);
        const taken = await take(most, leaseMs);
        const left = deadline - performance.now();
        if (closed && taken.length > 0) await giveBack(taken);
        else if (taken.length > 0) return taken;
        // Who does not wait gets what is there, and not only what has been told of.
        if (left <= 0 && (looked || waitMs > 0)) return taken;
        looked = left <= 0;
        if (!looked) await wait(left, signal);
      }
    },
    ready(name) {
      const at = placeOf(name);
      if (watchers === undefined || at === undefined) return;
      ready.add(name, at);
      wakeAll();
    },
    delayed(name) {
      if (watchers === undefined) return;
      delayed.add(name);
      wakeAll();
    },
    leased: (ms) => lookAtLeasesBy(performance.now() + ms + 2),
    close() {
      closed = true;
      stopWatching();
      arrivals.close();
      wakeAll();
    },
  };
}

/** Where a file stands among those that are ready. Undefined for other programs' files, whose names do not tell. */
function placeOf(name: string): number | undefined {
  return parseName(name)?.at ?? acceptedAt(name);
}
