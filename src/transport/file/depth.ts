import { readdir } from 'node:fs/promises';
import type { Depth } from '../transport.ts';
import type { Place } from './directory.ts';
import { isHidden, parseName } from './entry-name.ts';

/**
 * Counts files. `new` is read before and after the others: what is taken in between would else be counted nowhere,
 * and whoever waits for the end of all work would not wait for it.
 */
export async function depth({ folders }: Place): Promise<Depth> {
  const before = await files(folders.ready);
  const [inflight, delayed, dead] = await Promise.all([
    marked(folders.inflight),
    marked(folders.delayed),
    files(folders.dead),
  ]);
  const now = Date.now();
  const held = inflight.filter(({ at }) => at > now);
  const later = delayed.filter(({ at }) => at > now);
  const after = await files(folders.ready);
  const still = new Set(after);
  const seen = new Set(inflight.map(({ stem }) => stem));
  const taken = before.filter((name) => !still.has(name) && !seen.has(parseName(name)?.stem ?? name));
  return {
    ready: after.length + (inflight.length - held.length) + (delayed.length - later.length),
    inFlight: held.length + taken.length,
    delayed: later.length,
    dead: dead.length,
  };
}

async function files(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isFile() && !isHidden(entry.name)).map(({ name }) => name);
}

async function marked(folder: string) {
  return (await readdir(folder)).map(parseName).filter((name) => name !== undefined);
}
