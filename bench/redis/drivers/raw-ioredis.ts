import { Redis } from 'ioredis';
import type { Driver } from '../../driver.ts';
import { bodyOf, dataIn, range } from '../../message.ts';
import { settingsOf } from '../../settings.ts';
import { ADD } from '../add.ts';
import { SETTLE, SETTLE_AND_TRIM } from '../settle.ts';

/**
 * The best loop on ioredis that we could write by hand for the same durable work: one script adds a batch; one
 * checks the owner, acknowledges and deletes a batch; a group read brings the next while the last is settled.
 */
const STREAM = '{raw}:stream';
const GROUP = 'bench';
const ME = 'me';
const BATCH = 500;
/** Whether to trim the stream instead of deleting by id. */
const { trim } = settingsOf(import.meta.url, { trim: 0 });
const settle = trim === 0 ? SETTLE : SETTLE_AND_TRIM;

type Entries = [id: string, fields: string[]][];

export const driver: Driver = {
  async openProducer(url) {
    const redis = new Redis(url);
    await redis.ping();
    const add = (bodies: readonly string[]): Promise<unknown> => redis.eval(ADD, 1, STREAM, ...bodies);
    return {
      async saturate(from, count) {
        let sending: Promise<unknown>[] = [];
        for (let start = 0; start < count; start += BATCH) {
          sending.push(add(range(from + start, Math.min(BATCH, count - start)).map(bodyOf)));
          if (sending.length === 4) {
            await Promise.all(sending);
            sending = [];
          }
        }
        await Promise.all(sending);
      },
      async send(messages) {
        const [only] = messages;
        if (messages.length === 1 && only !== undefined) await redis.xadd(STREAM, '*', 'b', bodyOf(only));
        else await add(messages.map(bodyOf));
      },
      close: () => redis.disconnect(),
    };
  },
  async openConsumer(url, onMessage) {
    const redis = new Redis(url);
    const reader = new Redis(url);
    await redis.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM').catch(() => undefined);
    let closing = false;
    async function run(): Promise<void> {
      let settling: Promise<unknown> = Promise.resolve();
      while (!closing) {
        const answer = await reader.xreadgroup(
          'GROUP',
          GROUP,
          ME,
          'COUNT',
          BATCH,
          'BLOCK',
          1_000,
          'STREAMS',
          STREAM,
          '>',
        );
        const entries = entriesOf(answer);
        if (entries.length === 0) continue;
        for (const [, fields] of entries) onMessage(dataIn(fields[1] ?? ''));
        await settling;
        settling = redis.eval(settle, 1, STREAM, GROUP, ME, ...entries.map(([id]) => id));
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
    const length = await redis.xlen(STREAM);
    redis.disconnect();
    return length;
  },
};

function entriesOf(answer: unknown): Entries {
  const [stream] = isList(answer) ? answer : [];
  const entries: unknown = isList(stream) ? stream[1] : [];
  return isEntries(entries) ? entries : [];
}

function isList(value: unknown): value is unknown[] {
  return Array.isArray(value);
}

function isEntries(value: unknown): value is Entries {
  return Array.isArray(value);
}
