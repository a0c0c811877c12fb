import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** One who takes part in a comparison. The first of a list is ours. */
export interface Contender {
  readonly name: string;
  /** The module of its driver, from this folder. */
  readonly module: string;
  /** Settings of its driver, as a query: `concurrency=50&workers=2`. */
  readonly settings?: string;
  /** The package it needs, for those that are not ours or written by hand. */
  readonly peer?: string;
  /** Ours is wanted to be so many times as good. */
  readonly wanted?: number;
}

const PEERS = join(import.meta.dirname, 'peers');

/**
 * Those who take part: all without peers, or those that `names` names, a comma between them, each with settings
 * of its own if one likes: `bullmq?concurrency=50`. Peers that are not installed are said to be so, and left out.
 */
export function contenders(
  all: readonly Contender[],
  { names, peers }: { readonly names: string | undefined; readonly peers: boolean },
): Contender[] {
  const wanted =
    names === undefined
      ? all.filter(({ peer }) => peer === undefined || peers)
      : names.split(',').map((text) => named(all, text));
  const missing = wanted.filter(({ peer }) => peer !== undefined && versionOf(peer) === undefined);
  if (missing.length > 0) {
    console.error(
      `not installed, and left out: ${missing.map(({ name }) => name).join(', ')}\n` +
        'to install all peers: npm ci --prefix bench/peers',
    );
  }
  return wanted.filter((one) => !missing.includes(one));
}

function named(all: readonly Contender[], text: string): Contender {
  const [name, settings] = text.split('?');
  const one = all.find((each) => each.name === name);
  if (one === undefined) {
    throw new Error(`there is no ${name}: there are ${all.map((each) => each.name).join(', ')}`);
  }
  return { ...one, ...(settings !== undefined && { settings }) };
}

/** The same with other ratios wanted, by name; of those not named nothing is wanted. */
export function wantedOf(
  all: readonly Contender[],
  ratios: Readonly<Record<string, number>>,
): readonly Contender[] {
  return all.map(({ wanted: _other, ...one }) => {
    const wanted = ratios[one.name];
    return { ...one, ...(wanted !== undefined && { wanted }) };
  });
}

export function moduleUrl({ module, settings }: Contender): string {
  const url = pathToFileURL(join(import.meta.dirname, module));
  url.search = settings ?? '';
  return url.href;
}

/** Its name, the version of its package and its settings. */
export function label({ name, peer, settings }: Contender): string {
  const version = peer === undefined ? undefined : versionOf(peer);
  return [name, version, settings].filter((part) => part !== undefined).join(' ');
}

function versionOf(peer: string): string | undefined {
  const file = join(PEERS, 'node_modules', peer, 'package.json');
  if (!existsSync(file)) return undefined;
  const { version }: { version: string } = JSON.parse(readFileSync(file, 'utf8'));
  return version;
}
