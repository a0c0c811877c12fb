import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { MOST_FILE_BYTES } from './limits.ts';

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
    if (found.size > MOST_FILE_BYTES) {
      const flaw = `the file has ${found.size} bytes: at most ${MOST_FILE_BYTES} are read`;
      return { text: undefined, flaw, torn: false, writtenAt };
    }
    const bytes = await handle.readFile();
    if (isUtf8(bytes)) return { text: bytes.toString(), flaw: '', torn: false, writtenAt };
    return { text: undefined, flaw: 'the file is not UTF-8', torn: isBeginning(bytes), writtenAt };
  } finally {
    await handle.close();
  }
}

function isBeginning(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: true });
    return true;
  } catch {
    return false;
  }
}
