import { MOST_NESTED } from '../../message/json.ts';

/**
 * The members of a JSON object, each value as it is written: numbers keep their digits. Undefined for what is no
 * object, no JSON, or nested too deeply. Of a name that stands there twice the last counts, as in JSON.parse.
 */
export function members(json: string): ReadonlyMap<string, string> | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const found = new Map<string, string>();
  let at = json.indexOf('{') + 1;
  for (;;) {
    at = afterSpace(json, at);
    if (json[at] === '}') return found;
    const nameEnd = endOfString(json, at);
    const name = stringOf(json.slice(at, nameEnd)) ?? '';
    const begin = afterSpace(json, json.indexOf(':', nameEnd) + 1);
    const end = endOfValue(json, begin);
    if (end === undefined) return undefined;
    at = end;
    found.set(name, json.slice(begin, at));
    at = afterSpace(json, at);
    if (json[at] === ',') at++;
  }
}

/** Writes members as an object again. */
export function objectOf(found: Iterable<readonly [name: string, json: string]>): string {
  return `{${Array.from(found, ([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`;
}

/** The text that a JSON string says; undefined for other values. */
export function stringOf(json: string | undefined): string | undefined {
  const value: unknown = json?.startsWith('"') ? JSON.parse(json) : undefined;
  return typeof value === 'string' ? value : undefined;
}

/** The whole number that a JSON value says, if it is one from 0. */
export function countOf(json: string | undefined): number | undefined {
  const count = json !== undefined && /^\d{1,9}$/.test(json) ? Number(json) : undefined;
  return count;
}

function afterSpace(json: string, from: number): number {
  let at = from;
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at++;
  return at;
}

/** @param from Where its first quote is. */
function endOfString(json: string, from: number): number {
  for (let quote = json.indexOf('"', from + 1); ; quote = json.indexOf('"', quote + 1)) {
    let escapes = 0;
    while (json[quote - 1 - escapes] === '\\') escapes++;
    if (escapes % 2 === 0) return quote + 1;
  }
}

/** Undefined when it is nested too deeply. */
function endOfValue(json: string, from: number): number | undefined {
  let depth = 0;
  for (let at = from; ; ) {
    const character = json[at];
    if (character === '"') at = endOfString(json, at);
    else {
      if (character === '{' || character === '[') {
        depth++;
        if (depth >= MOST_NESTED) return undefined;
      } else if (depth > 0 && (character === '}' || character === ']')) depth--;
      else if (depth === 0) return endOfWord(json, at);
      at++;
    }
    if (depth === 0) return at;
  }
}

/** A number, `true`, `false` or `null`. */
function endOfWord(json: string, from: number): number {
  let at = from;
  while (/[\w.+-]/.test(json[at] ?? '')) at++;
  return at;
}
