import { rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Dialect } from '../dialects/dialect.ts';
import { encoded } from '../dialects/encoded.ts';
import { TransportError } from '../errors.ts';
import { outcomeOfCopies } from '../outcome-of-copies.ts';
import { expectAtMost, halfPair, notFound, tooLarge } from '../refusals.ts';
import type { Outgoing, SendOutcome } from '../transport.ts';
import type { Place } from './directory.ts';
import { formatName, type Namer } from './entry-name.ts';
import { transportError } from './errors.ts';
import type { Limiter } from './limiter.ts';
import { LIMITS, MOST_WRITTEN_BYTES } from './limits.ts';
import type { FileOptions } from './options.ts';
import type { Room } from './room.ts';
import { moveKeepingName, writeDurably } from './store.ts';

export interface SendOptions {
  readonly namer: Namer;
  readonly dialect: Dialect<string>;
  readonly limiter: Limiter;
  readonly syncFolder: (folder: string) => Promise<void>;
  /** Rejects when the subscription's folders are not there. */
  readonly expectFolders: (place: Place) => Promise<void>;
  /** Something in them was not there: they are looked at again. */
  readonly doubtFolders: (place: Place) => void;
  readonly nameOf: FileOptions['nameOf'];
  /** Where this process consumes a subscription, if it does. */
  readonly roomOf: (place: Place) => Room | undefined;
}

/** A message as it is written, for whichever subscription. */
interface LaidOut {
  readonly stem: string;
  readonly text: string;
}

/** Why copies were not stored: by the message's index, and of all where nothing is known of any. */
interface Answer {
  readonly place: Place;
  readonly errors: ReadonlyMap<number, TransportError>;
  readonly rejection?: TransportError;
}

/** Stores a copy of each message for each subscription. */
export async function send(
  options: SendOptions,
  topic: string,
  places: readonly Place[],
  messages: readonly Outgoing[],
): Promise<SendOutcome[]> {
  expectAtMost(LIMITS.sendEntries, messages.length, 'messages');
  const { dialect, namer } = options;
  const now = Date.now();
  const laidOut = messages.map((message): LaidOut | TransportError => {
    const text = encoded(dialect, message, { topic, now });
    if (text instanceof TransportError) return text;
    return refusal(topic, places, message, text) ?? { stem: namer.stem(now), text };
  });
  const answers = await Promise.all(
    places.map((place) => sendCopies(options, place, messages, laidOut, now)),
  );
  const [first] = answers;
  if (first?.rejection !== undefined && answers.every(({ rejection }) => rejection !== undefined)) {
    throw first.rejection;
  }
  return laidOut.map((one, index) =>
    one instanceof TransportError
      ? { error: one }
      : outcomeOfCopies(
          answers,
          ({ errors }) => errors.get(index),
          ({ place }) => place.subscription,
        ),
  );
}

async function sendCopies(
  options: SendOptions,
  place: Place,
  messages: readonly Outgoing[],
  laidOut: readonly (LaidOut | TransportError)[],
  now: number,
): Promise<Answer> {
  const { limiter, namer, syncFolder, roomOf } = options;
  const { folders } = place;
  const errors = new Map<number, TransportError>();
  /** By the folder in which they stand now. */
  const stored = new Map<string, number[]>();

  async function store(index: number, { stem, text }: LaidOut, delayMs: number): Promise<void> {
    const temporary = join(folders.temporary, stem);
    const folder = delayMs > 0 ? folders.delayed : folders.ready;
    const theirs = options.nameOf?.(now);
    const token = namer.token();
    let name =
      delayMs > 0
        ? formatName({ stem: theirs ?? stem, at: now + delayMs + 1, span: delayMs, deliveries: 0, token })
        : stem;
    try {
      await writeDurably(temporary, text);
      try {
        if (theirs === undefined || delayMs > 0) await rename(temporary, join(folder, name));
        else {
          const other = formatName({ stem: theirs, at: now, span: 0, deliveries: 0, token });
          name = await moveKeepingName(temporary, folder, theirs, other);
        }
      } catch (error) {
        await unlink(temporary).catch(() => undefined);
        throw error;
      }
    } catch (error) {
      const failure = transportError(error, folder);
      if (failure.code === 'NotFound') options.doubtFolders(place);
      errors.set(index, failure);
      return;
    }
    const there = stored.get(folder);
    if (there === undefined) stored.set(folder, [index]);
    else there.push(index);
    if (delayMs > 0) roomOf(place)?.delayed(name);
    else roomOf(place)?.ready(name);
  }

  const copies: [index: number, copy: LaidOut, delayMs: number][] = [];
  for (const [index, copy] of laidOut.entries()) {
    const message = messages[index];
    if (message === undefined || copy instanceof TransportError) continue;
    const { only, delayMs = 0 } = message;
    if (only === undefined || only.includes(place.subscription)) copies.push([index, copy, delayMs]);
  }
  try {
    await options.expectFolders(place);
  } catch (error) {
    const rejection = transportError(error, folders.ready);
    for (const [index] of copies) errors.set(index, rejection);
    return { place, errors, rejection };
  }
  await Promise.all(copies.map((copy) => limiter(() => store(...copy))));
  for (const [folder, indices] of stored) {
    try {
      await syncFolder(folder);
    } catch (error) {
      // They are there, and may not be after a loss of power.
      for (const index of indices) errors.set(index, transportError(error, folder));
    }
  }
  return { place, errors };
}

function refusal(
  topic: string,
  places: readonly Place[],
  message: Outgoing,
  text: string,
): TransportError | undefined {
  return (
    tooLarge(message, LIMITS.messageBytes) ??
    notFound(topic, message.only, (name) => places.some(({ subscription }) => subscription === name)) ??
    halfPair(text) ??
    writtenTooLarge(message, text)
  );
}

/** A dialect may write what has few bytes in many, as \u00e9 for é. */
function writtenTooLarge({ id }: Outgoing, text: string): TransportError | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes <= MOST_WRITTEN_BYTES) return undefined;
  return new TransportError(
    'TooLarge',
    `message ${id} is a file of ${bytes} bytes: at most ${MOST_WRITTEN_BYTES} fit`,
  );
}
