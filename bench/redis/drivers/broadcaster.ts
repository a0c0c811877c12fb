import { createBroadcaster, openTransport } from '../../../src/index.ts';
import type { Driver } from '../../driver.ts';
import { inLanes } from '../../lanes.ts';
import { Measured } from '../../measured.ts';
import { dataOf } from '../../message.ts';

const topology = { prefix: 'bench', topics: [] };

async function open(url: string) {
  const transport = await openTransport(url, topology);
  const broadcaster = createBroadcaster({ transport, source: 'bench' });
  return {
    broadcaster,
    async close() {
      await broadcaster.close();
      await transport.close();
    },
  };
}

/** Ours, as a user has it: contract on, every notice awaited by itself. Nothing is kept, so nothing is left. */
export const driver: Driver = {
  async openProducer(url) {
    const { broadcaster, close } = await open(url);
    return {
      saturate: (from, count) => inLanes(1_000, count, (n) => broadcaster.notify(Measured, dataOf(from + n))),
      async send(messages) {
        await Promise.all(messages.map((data) => broadcaster.notify(Measured, data)));
      },
      close,
    };
  },
  async openConsumer(url, onMessage) {
    const { broadcaster, close } = await open(url);
    await broadcaster.listen(Measured, ({ data }) => onMessage(data));
    return { close };
  },
  left: async () => 0,
};
