import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import type { Document } from '../model-ready/judge/inputs.ts';
import { readDocument, UnreadableDocument } from '../model-ready/judge/read-document.ts';

/**
 * Reads what `emit` is given, in the order given: files, the `.json` files of folders, `-` for stdin, and
 * `models:/…`, which is asked for later.
 *
 * @param onUnreadable Is told of each file that cannot be read, which is then left out.
 */
export async function readInputs(
  inputs: readonly string[],
  onUnreadable: (error: UnreadableDocument) => void,
): Promise<Document[]> {
  async function read(name: string, bytes: () => Promise<Uint8Array>): Promise<Document[]> {
    try {
      const content = await bytes().catch((cause: unknown) => {
        throw unreadable(name, cause);
      });
      return [readDocument(name, content)];
    } catch (error) {
      if (!(error instanceof UnreadableDocument)) throw error;
      onUnreadable(error);
      return [];
    }
  }

  async function readInput(input: string): Promise<Document[]> {
    if (input.startsWith('models:/')) return [{ name: input, content: input }];
    if (input === '-') return read('stdin', () => buffer(process.stdin));
    try {
      if (!(await stat(input)).isDirectory()) return await read(input, () => readFile(input));
      const files = (await readdir(input)).filter((file) => file.endsWith('.json')).toSorted();
      if (files.length === 0) {
        throw new UnreadableDocument(`${input}: expected files that end in .json, found none`);
      }
      const found: Document[] = [];
      // One after another: a folder may hold more files than a process may open.
      for (const file of files)
        found.push(...(await read(join(input, file), () => readFile(join(input, file)))));
      return found;
    } catch (cause) {
      onUnreadable(cause instanceof UnreadableDocument ? cause : unreadable(input, cause));
      return [];
    }
  }

  const found: Document[] = [];
  for (const input of inputs) found.push(...(await readInput(input)));
  return found;
}

function unreadable(name: string, cause: unknown): UnreadableDocument {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new UnreadableDocument(`${name} cannot be read: ${why}`, { cause });
}
