import { constants } from 'node:fs';
import { copyFile, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dialect } from '../dialects/dialect.ts';
import { UNREAD } from '../dialects/unread.ts';
import { TransportError } from '../errors.ts';
import { foreignReceipt, leaseLost } from '../refusals.ts';
import type { Receipt, Settlement, SettleOutcome } from '../transport.ts';
import type { Archive } from './archive.ts';
import type { Place } from './directory.ts';
import { deadName, type EntryName, formatName, type Namer } from './entry-name.ts';
import { happened, ifThere, transportError } from './errors.ts';
import type { Limiter } from './limiter.ts';
import { LIMITS } from './limits.ts';
import type { FileOptions } from './options.ts';
import { FileReceipt } from './receipt.ts';
import type { Room } from './room.ts';
import { moveKeepingName, writeDurably } from './store.ts';

export interface SettleOptions {
  readonly place: Place;
  readonly namer: Namer;
  readonly dialect: Dialect<string>;
  readonly limiter: Limiter;
  readonly syncFolder: (folder: string) => Promise<void>;
  readonly archive: Archive;
  readonly unreadSuffix: FileOptions['unreadSuffix'];
  /** Where this process consumes the subscription, if it does. */
  readonly room: Room | undefined;
}

/** Ends deliveries, each by moving its file: who no longer has the lease does not find it. */
export function settle(options: SettleOptions, settlements: readonly Settlement[]): Promise<SettleOutcome[]> {
  return each(options, settlements, (receipt, settlement) => {
    switch (settlement.action) {
      case 'ack':
        return options.archive.take(options.place, receipt.name);
      case 'release':
        return release(options, receipt);
      case 'retry':
        return retry(options, receipt, settlement.delayMs);
      case 'postpone':
        return postpone(options, receipt, settlement.delayMs);
      case 'deadLetter':
        return deadLetter(options, receipt, { ...receipt.headers, ...settlement.headers });
    }
  });
}

export function extend(
  options: SettleOptions,
  receipts: readonly Receipt[],
  leaseMs: number,
): Promise<SettleOutcome[]> {
  const { folders } = options.place;
  options.room?.leased(leaseMs);
  return each(
    options,
    receipts.map((receipt) => ({ receipt })),
    async (receipt) => {
      const name = { ...receipt.name, at: Date.now() + leaseMs + 1, span: leaseMs };
      const from = join(folders.inflight, formatName(receipt.name));
      const kept = await happened(rename(from, join(folders.inflight, formatName(name))));
      if (kept) receipt.name = name;
      return kept;
    },
  );
}

/** Each in turn with what else is done with its delivery. `act` says whether its file was still there. */
async function each<Asked extends { readonly receipt: Receipt }>(
  { place, limiter }: SettleOptions,
  asked: readonly Asked[],
  act: (receipt: FileReceipt, asked: Asked) => Promise<boolean>,
): Promise<SettleOutcome[]> {
  if (asked.length > LIMITS.settleEntries) {
    throw new TransportError('Invalid', `${asked.length} in one call: at most ${LIMITS.settleEntries}`);
  }
  return Promise.all(
    asked.map(async (one): Promise<SettleOutcome> => {
      const { receipt } = one;
      if (!(receipt instanceof FileReceipt)) return foreignReceipt('file');
      const acting = receipt.busy.then(() => limiter(() => act(receipt, one)));
      receipt.busy = acting.catch(() => undefined);
      try {
        return (await acting) ? 'settled' : leaseLost(receipt.id);
      } catch (error) {
        return transportError(error, place.folders.inflight);
      }
    }),
  );
}

/** It was never handled: it comes again as if it had not been handed over, and where it stood. */
async function release({ place, room }: SettleOptions, receipt: FileReceipt): Promise<boolean> {
  const { deliveries } = receipt.name;
  const name = formatName({
    ...receipt.name,
    at: receipt.enqueuedAt,
    span: 0,
    deliveries: Math.max(0, deliveries - 1),
  });
  if (!(await moved(place, receipt, place.folders.ready, name))) return false;
  room?.ready(name);
  return true;
}

/** It comes as if it had not been handed over before; what another program counts in the file stays. */
async function postpone(options: SettleOptions, receipt: FileReceipt, delayMs: number): Promise<boolean> {
  const { folder, name } = later(options, { ...receipt.name, deliveries: 0 }, delayMs);
  if (!(await moved(options.place, receipt, folder, name))) return false;
  tell(options, name, delayMs);
  return true;
}

/** Where a file waits for its time, and what it is called there. */
function later({ place: { folders } }: SettleOptions, name: EntryName, delayMs: number) {
  return {
    folder: delayMs > 0 ? folders.delayed : folders.ready,
    name: formatName({ ...name, at: Date.now() + delayMs + 1, span: delayMs }),
  };
}

function tell({ room }: SettleOptions, name: string, delayMs: number): void {
  if (delayMs > 0) room?.delayed(name);
  else room?.ready(name);
}

async function retry(options: SettleOptions, receipt: FileReceipt, delayMs: number): Promise<boolean> {
  const { place, dialect } = options;
  const { folder, name } = later(options, receipt.name, delayMs);
  const { native } = receipt;
  const next = native === undefined ? undefined : dialect.retry(native);
  if (next === undefined || next === native) {
    if (!(await moved(place, receipt, folder, name))) return false;
  } else if (
    !(await replaced(options, receipt, next, async (from) => rename(from, join(folder, name)), folder))
  ) {
    return false;
  }
  tell(options, name, delayMs);
  return true;
}

async function deadLetter(
  options: SettleOptions,
  receipt: FileReceipt,
  headers: Readonly<Record<string, string>>,
): Promise<boolean> {
  const { place, dialect } = options;
  const { dead, inflight } = place.folders;
  const { name, native } = receipt;
  const marked = deadName(name);
  if (options.unreadSuffix !== undefined && (native === undefined || UNREAD in receipt.headers)) {
    const copy = join(place.folders.archive, `${name.stem}${options.unreadSuffix}`);
    // The dead letter is what counts.
    await copyFile(join(inflight, formatName(name)), copy, constants.COPYFILE_EXCL).catch(() => undefined);
  }
  if (native === undefined) {
    // No text could hold its bytes: it is kept as it is, and says by itself why.
    const from = join(inflight, formatName(name));
    if ((await ifThere(moveKeepingName(from, dead, name.stem, marked))) === undefined) return false;
    await options.syncFolder(dead);
    return true;
  }
  const queue = `${place.topic}/${place.subscription}`;
  const text = dialect.dead(native, { headers, queue, now: Date.now() });
  return replaced(
    options,
    receipt,
    text,
    async (from) => void (await moveKeepingName(from, dead, name.stem, marked)),
    dead,
  );
}

/** Stores another text in its place, and only then removes it. */
async function replaced(
  { place, syncFolder, namer }: SettleOptions,
  receipt: FileReceipt,
  text: string,
  store: (from: string) => Promise<void>,
  folder: string,
): Promise<boolean> {
  const { inflight, temporary } = place.folders;
  const old = join(inflight, formatName(receipt.name));
  if ((await ifThere(stat(old))) === undefined) return false;
  const path = join(temporary, namer.stem());
  await writeDurably(path, text);
  try {
    await store(path);
  } catch (error) {
    await unlink(path).catch(() => undefined);
    throw error;
  }
  await syncFolder(folder);
  // Gone by now, it has been handed to another as well: that is for them to end.
  return happened(unlink(old));
}

async function moved(place: Place, receipt: FileReceipt, folder: string, name: string): Promise<boolean> {
  const from = join(place.folders.inflight, formatName(receipt.name));
  return happened(rename(from, join(folder, name)));
}
