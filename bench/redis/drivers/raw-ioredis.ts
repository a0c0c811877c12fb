import { Redis } from 'ioredis';
import { BATCH, bodyOf, type Driver } from '../driver.ts';

/**
 * The best loop on ioredis that we could write by hand for the same durable work: one script adds a batch; one
 * checks the owner, acknowledges and deletes a batch; a group read brings the next while the last is settled.
 */
const STREAM = '{raw}:stream';
const GROUP = 'bench';
const ME = 'me';

const ADD = `for i = 1, #ARGV do redis.call('XADD', KEYS[1], '*', 'b', ARGV[i]) end return #ARGV`;
const SETTLE = `
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[#ARGV], #ARGV, ARGV[2])
local mine = {}
for i = 1, #pending do mine[pending[i][1]] = true end
local ids = {}
for i = 3, #ARGV do if mine[ARGV[i]] then ids[#ids + 1] = ARGV[i] end end
if #ids > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ids))
  redis.call('XDEL', KEYS[1], unpack(ids))
end
return #ids`;

type Entries = [id: string, fields: string[]][];

export const driver: Driver = {
  async produce(url, count) {
    const redis = new Redis(url);
    let sending: Promise<unknown>[] = [];
    for (let start = 0; start < count; start += BATCH) {
      const bodies = Array.from({ length: Math.min(BATCH, count - start) }, (_, n) => bodyOf(start + n));
      sending.push(redis.eval(ADD, 1, STREAM, ...bodies));
      if (sending.length === 4) {
        await Promise.all(sending);
        sending = [];
      }
    }
    await Promise.all(sending);
    redis.disconnect();
  },
  async consume(url, count, onHandled) {
    const redis = new Redis(url);
    const reader = new Redis(url);
    await redis.xgroup('CREATE', STREAM, GROUP, '0', 'MKSTREAM').catch(() => undefined);
    let handled = 0;
    let settling: Promise<unknown> = Promise.resolve();
    while (handled < count) {
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
      for (const [, fields] of entries) {
        onHandled(JSON.parse(fields[1] ?? '').data);
        handled++;
      }
      await settling;
      settling = redis.eval(SETTLE, 1, STREAM, GROUP, ME, ...entries.map(([id]) => id));
    }
    await settling;
    return () => {
      redis.disconnect();
      reader.disconnect();
    };
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
