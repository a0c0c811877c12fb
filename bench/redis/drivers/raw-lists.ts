import { Redis } from 'ioredis';
import type { Driver } from '../../driver.ts';
import { schema } from '../../measured.ts';
import { bodyOf, type Data, dataIn, range } from '../../message.ts';
import { settingsOf } from '../../settings.ts';
import { MOVE, MOVE_WHOLE, REMOVE } from '../move.ts';

/**
 * The best loop over lists on ioredis that we could write by hand for the same durable work: one push adds a batch; one
 * script moves a batch to the list of what is in process; one removes a batch from there, while the next is moved. With `whole=1`
 * each batch is moved to a list of its own, as ours does it, and deleted with that; with `checked=1` messages are checked against the
 * contract on both sides, as ours are. It has no leases: what dies with its process stays where it is.
 */
const QUEUE = '{raw}:queue';
const PROCESSING = '{raw}:processing';
const BATCH = 500;
const { whole, checked } = settingsOf(import.meta.url, { whole: 0, checked: 0 });
const check = checked === 0 ? (data: Data) => data : (data: Data) => schema.parse(data);
const checkedBody = (data: Data): string => bodyOf(check(data));

export const driver: Driver = {
  async openProducer(url) {
    const redis = new Redis(url);
    await redis.ping();
    return {
      async saturate(from, count) {
        let sending: Promise<unknown>[] = [];
        for (let start = 0; start < count; start += BATCH) {
          const bodies = range(from + start, Math.min(BATCH, count - start)).map(checkedBody);
          sending.push(redis.lpush(QUEUE, ...bodies));
          if (sending.length === 4) {
            await Promise.all(sending);
            sending = [];
          }
        }
        await Promise.all(sending);
      },
      send: (messages) => redis.lpush(QUEUE, ...messages.map(checkedBody)).then(() => undefined),
      close: () => redis.disconnect(),
    };
  },
  async openConsumer(url, onMessage) {
    const redis = new Redis(url);
    const reader = new Redis(url);
    let closing = false;

    let batches = 0;

    async function nextWhole(): Promise<string[]> {
      const own = `${PROCESSING}:${++batches}`;
      const [, moved] = await Promise.all([
        reader.eval(MOVE_WHOLE, 2, QUEUE, own, BATCH),
        reader.lrange(own, 0, -1),
      ]);
      if (moved.length > 0) return moved;
      const first = await reader.blmove(QUEUE, own, 'RIGHT', 'LEFT', 1);
      return first === null ? [] : [first];
    }

    async function next(): Promise<string[]> {
      const moved = await reader.eval(MOVE, 2, QUEUE, PROCESSING, BATCH);
      if (isTexts(moved) && moved.length > 0) return moved;
      const first = await reader.blmove(QUEUE, PROCESSING, 'RIGHT', 'LEFT', 1);
      return first === null ? [] : [first];
    }

    async function run(): Promise<void> {
      let settling: Promise<unknown> = Promise.resolve();
      while (!closing) {
        const entries = await (whole === 0 ? next() : nextWhole());
        if (entries.length === 0) continue;
        for (const entry of entries) onMessage(check(dataIn(entry)));
        await settling;
        settling =
          whole === 0 ? redis.eval(REMOVE, 1, PROCESSING, ...entries) : redis.del(`${PROCESSING}:${batches}`);
      }
      await settling;
    }
    const running = run();
    return {
      async close() {
        closing = true;
        await running;
        redis.disconnect();
        reader.disconnect();
      },
    };
  },
  async left(url) {
    const redis = new Redis(url);
    const lists = [QUEUE, ...(await redis.keys(`${PROCESSING}*`))];
    const lengths = await Promise.all(lists.map((list) => redis.llen(list)));
    redis.disconnect();
    return lengths.reduce((sum, length) => sum + length, 0);
  },
};

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value);
}
