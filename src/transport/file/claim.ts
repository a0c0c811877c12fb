import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dialect } from '../dialects/dialect.ts';
import type { Incoming } from '../transport.ts';
import type { Place } from './directory.ts';
import {
  acceptedAt,
  type EntryName,
  formatName,
  MOST_DELIVERIES,
  type Namer,
  parseName,
  stemOf,
} from './entry-name.ts';
import { codeOf, ifThere } from './errors.ts';
import type { FileContent } from './read.ts';
import { readEntry } from './read.ts';
import { FileReceipt } from './receipt.ts';

export interface ClaimOptions {
  readonly place: Place;
  readonly namer: Namer;
  readonly dialect: Dialect<string>;
  readonly leaseMs: number;
}

/** `lost`: another was quicker. `unfit`: it is no file, and stays where it is. */
export type Claim = Incoming | 'lost' | 'unfit';

/**
 * Takes a file by renaming it, which only one can: its new name says until when, and for whom. What cannot be read is
 * handed over without a body, which no contract accepts, and keeps its bytes.
 */
export async function claim(name: string, { place, namer, dialect, leaseMs }: ClaimOptions): Promise<Claim> {
  const { folders, topic } = place;
  const before = parseName(name);
  const leaseUntil = performance.now() + leaseMs;
  const taken: EntryName = {
    // Whoever makes up a name as ours may make it too long for the next.
    stem: stemOf(before?.stem ?? name),
    // A millisecond more, for the clock does not tell parts of one.
    at: Date.now() + leaseMs + 1,
    span: leaseMs,
    deliveries: Math.min((before?.deliveries ?? 0) + 1, MOST_DELIVERIES),
    token: namer.token(),
  };
  const path = join(folders.inflight, formatName(taken));
  if (!(await renamed(join(folders.ready, name), path))) return 'lost';
  const content = await read(path);
  if (content === undefined) {
    await rename(path, join(folders.ready, name));
    return 'unfit';
  }
  const { text, writtenAt } = content;
  const { id, body, headers, key } =
    text === undefined
      ? { id: taken.stem, body: '', headers: {}, key: undefined }
      : dialect.decode(text, { topic, name: taken.stem });
  const enqueuedAt = acceptedAt(taken.stem) ?? Math.trunc(writtenAt);
  const receipt = new FileReceipt({ id, headers, native: text, enqueuedAt, name: taken });
  const incoming = { id, body, headers, deliveries: taken.deliveries, enqueuedAt, leaseUntil, receipt };
  return key === undefined ? incoming : { ...incoming, key };
}

async function renamed(from: string, to: string): Promise<boolean> {
  return (await ifThere(rename(from, to).then(() => true))) ?? false;
}

async function read(path: string): Promise<FileContent | undefined> {
  try {
    return await readEntry(path);
  } catch (error) {
    // A symbolic link, or a socket.
    if (codeOf(error) === 'ELOOP' || codeOf(error) === 'ENXIO') return undefined;
    throw error;
  }
}
