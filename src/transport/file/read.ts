import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { bodyBytes } from './frame.ts';
import { MOST_FILE_BYTES, MOST_LINE_BYTES } from './limits.ts';

/** What a file holds. */
export interface FileContent {
  /** Undefined when it is not a text, or too large for one message. */
  readonly text: string | undefined;
  /** Why there is no text, in a sentence. */
  readonly flaw: string;
  /** It ends in the middle of a character: the rest may be still to come. */
  readonly torn: boolean;
  /** When it was last written to, in Unix ms. */
  readonly writtenAt: number;
}

const READ = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** Reads a file that is one: undefined for a folder, a pipe, … A symbolic link rejects with ELOOP. */
export async function readEntry(path: string): Promise<FileContent | undefined> {
  const handle = await open(path, READ);
  try {
    const found = await handle.stat();
    if (!found.isFile()) return undefined;
    const writtenAt = found.mtimeMs;
    if (found.size > MOST_FILE_BYTES + MOST_LINE_BYTES) return tooLarge(found.size, writtenAt);
    const bytes = await handle.readFile();
    if (!isUtf8(bytes)) {
      return { text: undefined, flaw: 'the file is not UTF-8', torn: isBeginning(bytes), writtenAt };
    }
    const text = bytes.toString();
    const fits = bytes.length <= MOST_FILE_BYTES || bodyBytes(text) <= MOST_FILE_BYTES;
    return fits ? { text, flaw: '', torn: false, writtenAt } : tooLarge(bytes.length, writtenAt);
  } finally {
    await handle.close();
  }
}

function tooLarge(bytes: number, writtenAt: number): FileContent {
  const flaw = `the file has ${bytes} bytes: at most ${MOST_FILE_BYTES} are read`;
  return { text: undefined, flaw, torn: false, writtenAt };
}

function isBeginning(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
