import { appendFileSync } from 'node:fs';
import { describe, inject, it } from 'vitest';
import type { Carrier } from './carriers/carrier.ts';
import { CARRIERS } from './carriers/carriers.ts';
import { preloadMissing } from './carriers/preload.ts';
import type { Fault } from './fault.ts';
import { FAULTS } from './faults.ts';
import { seedOf } from './random.ts';
import { readSelection } from './selection.ts';
import { tryFault } from './try-fault.ts';

const { seed, nightly, only, carriers } = readSelection(process.env);
const selected = (name: string, names: readonly string[]): boolean =>
  names.length === 0 || names.includes(name);

for (const [kind, names, known] of [
  ['fault', only, FAULTS],
  ['carrier', carriers, CARRIERS],
] as const) {
  const unknown = names.filter((name) => !known.some((one) => one.name === name));
  if (unknown.length > 0) {
    throw new Error(`${unknown} is no ${kind}: expected ${known.map(({ name }) => name).join(', ')}`);
  }
}

describe.concurrent('nothing accepted is lost', () => {
  for (const fault of FAULTS.filter(({ name }) => selected(name, only))) {
    const suited = CARRIERS.filter((carrier) => suits(fault, carrier));
    for (const carrier of suited.filter(({ name }) => selected(name, carriers))) {
      it(`${fault.name} on ${carrier.name}`, async ({ skip }) => {
        const preloads = fault.losesPower || fault.meddles;
        const reason = (await carrier.unavailable()) ?? (preloads ? await preloadMissing() : undefined);
        if (reason !== undefined) skip(reason);
        const { line, report } = await tryFault(fault, {
          carrier,
          nightly,
          messages: Math.ceil((nightly ? 100_000 : 5_000) / suited.length),
          seed: seedOf(seed, fault.name, carrier.name),
        });
        appendFileSync(inject('faultLines'), `${JSON.stringify(line)}\n`);
        if (report === '') return;
        const replay = `npm run test:faults -- --seed ${seed}${nightly ? ' --nightly' : ''} --only ${fault.name} --carriers ${carrier.name}`;
        throw new Error(`${report}\n\n${replay}`);
      });
    }
  }
});

function suits({ hostile = false, topologies, suits }: Fault, carrier: Carrier): boolean {
  const { topology } = carrier;
  const fits = topology === undefined ? topologies === undefined : topologies?.includes(topology);
  return fits === true && carrier.hostile === hostile && suits?.(carrier) !== false;
}
