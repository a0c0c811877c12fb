import type { Fault } from '../fault.ts';
import { leftBehind } from '../left-behind.ts';

/** A thousand connect at once, publish and go. */
export const manyConnections: Fault = {
  name: 'many-connections',
  leaseMs: 30_000,
  suits: ({ networked, name }) => networked && name !== 'sqs-fifo',
  async run({ consumer, producer, program, proxy, server, ledger, nightly, goodbye, enough }) {
    const times = nightly ? 10 : 1;
    await consumer();
    const way = await proxy();
    const problems: string[] = [];
    for (let round = 0; round < times; round++) {
      const crowd = await program('many-connections', server.url(way.port));
      await ledger.until('all are there', ({ acceptedBy }) => acceptedBy(crowd.name) === 1_000);
      const most = way.connections;
      if (most < 1_000) problems.push(`${most} connections: expected 1000 at once`);
      problems.push(...(await goodbye(crowd)));
      problems.push(...(await leftBehind(way)));
    }
    await enough(await producer());
    await ledger.allHandled();
    return { times, duplicates: 0, recoveryMs: 0, problems };
  },
};
