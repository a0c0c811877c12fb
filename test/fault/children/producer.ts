import { randomBytes } from 'node:crypto';
import { createPublisher } from '../../../src/publish/publisher.ts';
import { pause } from '../../../src/time/backoff.ts';
import { TransportError } from '../../../src/transport/errors.ts';
import { beginChild } from './child.ts';
import { Load, sumOf } from './load.ts';
import type { ProducerOptions } from './options.ts';
import { witnessSends } from './witness.ts';

/** Publishes until it has published enough, or is told to stop; tells the ledger of each before and after. */
const { options, transport, reporter, onTold, tell, end } = await beginChild(
  (text): ProducerOptions => JSON.parse(text),
);
const { name, lanes, ttlMs, count = Number.POSITIVE_INFINITY, poison, topology } = options;
const publisher = createPublisher({ transport: witnessSends(transport, reporter) });
const stop = new AbortController();
let { perSecond } = options;
let published = 0;

async function publishOne(n: number, key: string): Promise<void> {
  const id = `${name}-${n}`;
  const poisoned = poison !== undefined && n % poison.every === 1;
  const pad = randomBytes(1 + (n % 300)).toString('base64');
  await reporter.report({
    what: 'publishing',
    id,
    sum: sumOf(pad),
    ...(topology.ordered && { key }),
    ...(poisoned && { poison: poison.kind }),
  });
  const data = { pad, ...(poisoned && { poison: poison.kind }) };
  try {
    await publisher.publish(Load, data, { id, ttlMs, ...(topology.ordered && { key }) });
    void reporter.report({ what: 'accepted', id });
  } catch (error) {
    void reporter.report({
      what: 'refused',
      id,
      code: error instanceof TransportError ? error.code : String(error),
    });
  }
}

async function lane(key: string): Promise<void> {
  while (!stop.signal.aborted && published < count) {
    const next = performance.now() + (1_000 * lanes) / perSecond;
    await publishOne(++published, key);
    await pause(next - performance.now(), stop.signal);
  }
}

onTold((message) => {
  if (message.do === 'stop') stop.abort();
  else if (message.do === 'hurry') perSecond = message.perSecond;
});
process.once('SIGTERM', () => stop.abort());
tell({ ready: true });
await Promise.all(Array.from({ length: lanes }, (_, index) => lane(`${name}-key-${index}`)));
await publisher.close();
await end();
