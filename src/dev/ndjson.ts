import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type * as z from 'zod/mini';

/**
 * What a file holds, one JSON object a line, to go on writing it: a line that a kill has torn is passed over, and
 * the next one begins on a line of its own. A file that is not there holds nothing.
 */
export function takeUpLines<Schema extends z.ZodMiniType>(file: string, schema: Schema): z.infer<Schema>[] {
  if (!existsSync(file)) return [];
  const text = readFileSync(file, 'utf8');
  if (text !== '' && !text.endsWith('\n')) appendFileSync(file, '\n');
  return text.split('\n').flatMap((line) => {
    const read = parse(line, schema);
    return read === undefined ? [] : [read];
  });
}

export function appendLine(file: string, value: object): void {
  appendFileSync(file, `${JSON.stringify(value)}\n`);
}

/** Undefined for a text that is no JSON, or not of this shape. */
export function parse<Schema extends z.ZodMiniType>(
  text: string,
  schema: Schema,
): z.infer<Schema> | undefined {
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
