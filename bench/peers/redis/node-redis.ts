import { createClient } from 'redis';
import type { Driver } from '../../driver.ts';
import { inBatches } from '../../lanes.ts';
import { bodyOf, dataIn, range } from '../../message.ts';
import { ADD } from '../../redis/add.ts';
import { SETTLE } from '../../redis/settle.ts';
import { settingsOf } from '../../settings.ts';

/** A hand-written loop on node-redis: it adds in pipelines, reads as a group, and settles in a script. */
const STREAM = '{raw}:stream';
const GROUP = 'bench';
const ME = 'me';
/** Whether it adds in a script instead of a pipeline. */
const { script } = settingsOf(import.meta.url, { script: 0 });
const PIPELINE = { size: 500, lanes: 4 };

interface Entry {
  readonly id: string;
  readonly message: Readonly<Record<string, string>>;
}

async function connect(url: string) {
  const client = createClient({ url });
  await client.connect();
  return client;
}

export const driver: Driver = {
  async openProducer(url) {
    const client = await connect(url);
    // Commands issued in one turn of the event loop are written together.
    const add = (bodies: readonly string[]): Promise<unknown> =>
      script === 0
        ? Promise.all(bodies.map((b) => client.xAdd(STREAM, '*', { b })))
        : client.eval(ADD, { keys: [STREAM], arguments: [...bodies] });
    return {
      saturate: (from, count) =>
        inBatches(PIPELINE, from, count, (start, size) => add(range(start, size).map(bodyOf))),
      send: (messages) => add(messages.map(bodyOf)).then(() => undefined),
      close: () => client.close(),
    };
  },
  async openConsumer(url, onMessage) {
    const client = await connect(url);
    const reader = await connect(url);
    await client.xGroupCreate(STREAM, GROUP, '0', { MKSTREAM: true });
    let closing = false;
    async function run(): Promise<void> {
      let settling: Promise<unknown> = Promise.resolve();
      while (!closing) {
        const streams = await reader.xReadGroup(
          GROUP,
          ME,
          { key: STREAM, id: '>' },
          { COUNT: PIPELINE.size, BLOCK: 1_000 },
        );
        const entries: Entry[] = streams?.[0]?.messages ?? [];
        if (entries.length === 0) continue;
        for (const { message } of entries) onMessage(dataIn(message['b'] ?? ''));
        await settling;
        settling = client.eval(SETTLE, {
          keys: [STREAM],
          arguments: [GROUP, ME, ...entries.map(({ id }) => id)],
        });
      }
      await settling;
    }
    const running = run();
    return {
      async close() {
        closing = true;
        await running;
        await Promise.all([client.close(), reader.close()]);
      },
    };
  },
  async left(url) {
    const client = await connect(url);
    const length = await client.xLen(STREAM);
    await client.close();
    return length;
  },
};
