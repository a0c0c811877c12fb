import { createPublisher } from '../../../src/publish/publisher.ts';
import { openTransport } from '../../../src/transport/url.ts';
import { beginChild } from './child.ts';
import { Load, loadTopology, sumOf } from './load.ts';
import type { ChildOptions } from './options.ts';

/** Connects a thousand times at once, publishes once over each connection, and goes when it is told to. */
const { options, reporter, onTold, tell, end } = await beginChild((text): ChildOptions => JSON.parse(text));
const { name, url, topology } = options;
tell({ ready: true });
const transports = await Promise.all(
  Array.from({ length: 1_000 }, () => openTransport(url, loadTopology(topology))),
);
async function leave(): Promise<void> {
  await Promise.all(transports.map((transport) => transport.close()));
  await end();
}

onTold((message) => {
  if (message.do === 'stop') void leave();
});
process.once('SIGTERM', () => void leave());

await Promise.all(
  transports.map(async (transport, n) => {
    const id = `${name}-${n}`;
    await reporter.report({ what: 'publishing', id, sum: sumOf('') });
    await createPublisher({ transport }).publish(Load, { pad: '' }, { id });
    await reporter.report({ what: 'accepted', id });
  }),
);
