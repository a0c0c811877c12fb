import { readdir, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { deadLetterHeaders } from '../../message/dead-letter.ts';
import type { Dialect } from '../dialects/dialect.ts';
import { expectAtMost, foreignReceipt, noSuchLetter } from '../refusals.ts';
import type { DeadLetter, DeadLetterQueue, Headers, SettleOutcome } from '../transport.ts';
import { deadLettersWhileOpen } from '../while-open.ts';
import type { Directory, Place } from './directory.ts';
import {
  acceptedAt,
  deadName,
  type EntryName,
  formatName,
  isHidden,
  type Namer,
  parseName,
  stemOf,
} from './entry-name.ts';
import { happened, ifThere, transportError } from './errors.ts';
import type { Limiter } from './limiter.ts';
import { LIMITS } from './limits.ts';
import { readEntry } from './read.ts';
import { DeadLetterReceipt } from './receipt.ts';
import type { Room } from './room.ts';
import { moveKeepingName, writeDurably } from './store.ts';

export interface DeadLettersOptions {
  readonly directory: Directory;
  readonly namer: Namer;
  readonly dialect: Dialect<string>;
  readonly limiter: Limiter;
  readonly syncFolder: (folder: string) => Promise<void>;
  readonly roomOf: (place: Place) => Room | undefined;
  readonly expectFolders: (place: Place) => Promise<void>;
  readonly ensureOpen: () => void;
}

/** How long nobody else sees a letter that is being replayed, in ms. */
const REPLAY_MS = 60_000;

/** The dead letters of all subscriptions. Who is shown one leases it: its name says until when. */
export function createDeadLetterQueue(options: DeadLettersOptions): DeadLetterQueue {
  const { directory, namer, dialect, limiter, syncFolder, roomOf, expectFolders, ensureOpen } = options;
  /** What a list has named and no page has shown yet. */
  const listed = new Map<Place, string[]>();

  async function list({ folders: { dead } }: Place): Promise<string[]> {
    const now = Date.now();
    const entries = await readdir(dead, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile() && !isHidden(entry.name))
      .map(({ name }) => ({ name, parsed: parseName(name) }))
      .filter(({ parsed }) => parsed === undefined || !isLeased(parsed, now))
      .map(({ name, parsed }) => ({ name, stem: parsed?.stem ?? name }))
      .sort((one, other) => (one.stem < other.stem ? -1 : Number(one.stem > other.stem)))
      .map(({ name }) => name);
  }

  /** Leases it for so long. Undefined when another was quicker, or it is no file. */
  async function show(place: Place, name: string, leaseMs: number): Promise<DeadLetter | undefined> {
    const { dead } = place.folders;
    const stem = parseName(name)?.stem ?? stemOf(name);
    const shown = { stem, at: Date.now() + leaseMs, span: leaseMs, deliveries: 0, token: namer.token() };
    const path = join(dead, formatName(shown));
    if (!(await happened(rename(join(dead, name), path)))) return undefined;
    const content = await readEntry(path);
    if (content === undefined) return undefined;
    const enqueuedAt = acceptedAt(stem) ?? Math.trunc(content.writtenAt);
    if (content.text === undefined) {
      const receipt = new DeadLetterReceipt(shown, undefined);
      return { id: stem, body: '', headers: flawHeaders(content.flaw), enqueuedAt, receipt };
    }
    const { native, headers } = dialect.undead(content.text);
    const receipt = new DeadLetterReceipt(shown, native);
    const { id, body, key } = dialect.decode(native, { topic: place.topic, name: stem });
    return { id, body, headers, ...(key !== undefined && { key }), enqueuedAt, receipt };
  }

  /** What is shown goes on being leased, under another name: whoever has it no more does not find it. */
  async function hold(place: Place, { name }: DeadLetterReceipt): Promise<EntryName | undefined> {
    const { dead } = place.folders;
    const held = { ...name, at: Date.now() + REPLAY_MS, span: REPLAY_MS, token: namer.token() };
    const has = await happened(rename(join(dead, formatName(name)), join(dead, formatName(held))));
    return has ? held : undefined;
  }

  async function replay(place: Place, letter: DeadLetter, headers: Headers): Promise<string | undefined> {
    const { receipt } = letter;
    if (!(receipt instanceof DeadLetterReceipt)) return undefined;
    const { dead, ready, temporary } = place.folders;
    const held = await hold(place, receipt);
    if (held === undefined) return undefined;
    const name = formatName({ ...held, at: Date.now(), span: 0, token: namer.token() });
    const from = join(dead, formatName(held));
    if (receipt.native === undefined) {
      await rename(from, join(ready, name));
      return name;
    }
    const text = dialect.replay(receipt.native, { headers, now: Date.now() });
    const path = join(temporary, namer.stem());
    await writeDurably(path, text);
    try {
      await rename(path, join(ready, name));
    } catch (error) {
      await unlink(path).catch(() => undefined);
      throw error;
    }
    await syncFolder(ready);
    await unlink(from);
    return name;
  }

  /** `act` says whether the letter was still there. */
  async function each(
    place: Place,
    letters: readonly DeadLetter[],
    act: (letter: DeadLetter, receipt: DeadLetterReceipt) => Promise<boolean>,
  ): Promise<SettleOutcome[]> {
    expectAtMost(LIMITS.settleEntries, letters.length, 'dead letters');
    return Promise.all(
      letters.map(async (letter): Promise<SettleOutcome> => {
        const { receipt } = letter;
        if (!(receipt instanceof DeadLetterReceipt)) return foreignReceipt('file');
        try {
          return (await limiter(() => act(letter, receipt))) ? 'settled' : noSuchLetter(letter.id);
        } catch (error) {
          return transportError(error, place.folders.dead);
        }
      }),
    );
  }

  return deadLettersWhileOpen(ensureOpen, {
    async scan(address, { max, leaseMs, signal }) {
      const place = directory.at(address);
      await expectFolders(place);
      const most = Math.min(max, LIMITS.receiveEntries);
      const page: DeadLetter[] = [];
      let left = listed.get(place) ?? [];
      try {
        for (let fresh = false; page.length < most && !signal?.aborted; ) {
          if (left.length === 0) {
            if (fresh) break;
            left = await list(place);
            fresh = true;
          }
          const names = left.splice(0, most - page.length);
          const letters = await Promise.all(names.map((name) => limiter(() => show(place, name, leaseMs))));
          page.push(...letters.filter((letter) => letter !== undefined));
        }
      } catch (error) {
        throw transportError(error, place.folders.dead);
      } finally {
        listed.set(place, left);
      }
      return page;
    },

    async replay(address, letters) {
      const place = directory.at(address);
      const headersOf = new Map(letters.map(({ letter, headers }) => [letter, headers]));
      return each(
        place,
        letters.map(({ letter }) => letter),
        async (letter) => {
          const name = await replay(place, letter, headersOf.get(letter) ?? {});
          if (name === undefined) return false;
          roomOf(place)?.ready(name);
          return true;
        },
      );
    },

    async purge(address, letters) {
      const place = directory.at(address);
      const { dead } = place.folders;
      return each(place, letters, (_, { name }) => happened(unlink(join(dead, formatName(name)))));
    },

    async release(address, letters) {
      const place = directory.at(address);
      const { dead } = place.folders;
      return each(place, letters, async (_, { name }) => {
        const from = join(dead, formatName(name));
        const marked = deadName({ ...name, token: namer.token() });
        return (await ifThere(moveKeepingName(from, dead, name.stem, marked))) !== undefined;
      });
    },
  });
}

/** A lease that seems longer than it was ever meant has been over since the clock was put back. */
function isLeased({ at, span }: EntryName, now: number): boolean {
  return at > now && at - now <= span + 1_000;
}

/** Of a file that no text can hold: what it is says why it is here. */
function flawHeaders(flaw: string): Headers {
  return deadLetterHeaders({ code: 'malformed', message: flaw, at: '', attempts: 0, history: [] });
}
