import { TransportError } from '../errors.ts';
import type { Depth } from '../transport.ts';

/** Narrow what a server answered: our own scripts keep to these shapes, a server that is none may not. */
export function list(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw strange(reply);
}

export function text(reply: unknown): string {
  if (typeof reply === 'string') return reply;
  throw strange(reply);
}

export function integer(reply: unknown): number {
  const number = typeof reply === 'string' ? Number(reply) : reply;
  if (typeof number === 'number' && Number.isSafeInteger(number)) return number;
  throw strange(reply);
}

/** Fields and values in turn. */
export function pairs(flat: readonly unknown[]): Map<string, string> {
  const map = new Map<string, string>();
  for (let index = 0; index + 1 < flat.length; index += 2) map.set(text(flat[index]), text(flat[index + 1]));
  return map;
}

/** Walks a flat list of fields, so many at a time. */
export function* inGroups(flat: readonly unknown[], size: number): Generator<readonly unknown[]> {
  for (let start = 0; start < flat.length; start += size) yield flat.slice(start, start + size);
}

/** What a script that counts answers. */
export function depthOf(reply: unknown): Depth {
  const [ready = 0, inFlight = 0, delayed = 0, dead = 0] = list(reply).map(integer);
  return { ready, inFlight, delayed, dead };
}

function strange(reply: unknown): TransportError {
  return new TransportError('Unavailable', `Redis gave an answer that was not asked for: ${typeof reply}`);
}
