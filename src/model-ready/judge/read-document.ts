import { parseJson } from '../../message/json.ts';
import { parsePythonJson } from '../../text/python-json.ts';
import type { Document } from './inputs.ts';

/** A file that is not JSON, or not text. The message is one sentence that names it. */
export class UnreadableDocument extends Error {
  override readonly name = 'UnreadableDocument';
}

/**
 * Reads JSON as people's tools write it: UTF-8, or UTF-16 with a byte order mark, as PowerShell writes it; with the
 * bare `NaN` and `Infinity` of Python.
 *
 * @param name What to call it in errors; for example a file's name.
 * @throws UnreadableDocument
 */
export function readDocument(name: string, bytes: Uint8Array): Document {
  try {
    return { name, content: parsePythonJson(decode(bytes), parseJson) };
  } catch (cause) {
    if (cause instanceof TypeError) {
      throw new UnreadableDocument(`${name}: expected text in UTF-8 or UTF-16: save it as UTF-8`, { cause });
    }
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new UnreadableDocument(`${name}: expected JSON: ${why}`, { cause });
  }
}

/** Throws TypeError for what is no text. The mark itself is left out. */
function decode(bytes: Uint8Array): string {
  const [first, second] = bytes;
  const encoding =
    first === 0xff && second === 0xfe ? 'utf-16le' : first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
  return new TextDecoder(encoding, { fatal: true }).decode(bytes);
}
