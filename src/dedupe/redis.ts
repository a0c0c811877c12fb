import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { asTransportError } from '../transport/errors.ts';
import type { DedupeStore } from './dedupe.ts';

/** What the store asks of an ioredis client: one server, Sentinel or cluster. The client stays the caller's. */
export type RedisClient = Pick<Redis | Cluster, 'eval' | 'evalsha'>;

export interface RedisDedupeOptions {
  /** Before each key. Default `hikyaku`. */
  readonly prefix?: string;
}

/**
 * Remembers in Redis, for all processes that use it. Each step is one script on one key, with the server's
 * clock. What Redis acknowledges and then loses (a failover, `everysec` and a power loss, eviction) is
 * forgotten, and its effect may happen again.
 */
export function createRedisDedupeStore(
  client: RedisClient,
  { prefix = 'hikyaku' }: RedisDedupeOptions = {},
): DedupeStore {
  async function run(script: Script, key: string, ...args: number[]): Promise<unknown> {
    const name = `${prefix}:dedupe:${key}`;
    try {
      return await client.evalsha(script.sha, 1, name, ...args).catch((error: unknown) => {
        // The server has restarted, or forgotten its scripts.
        if (error instanceof Error && error.message.startsWith('NOSCRIPT')) {
          return client.eval(script.text, 1, name, ...args);
        }
        throw error;
      });
    } catch (error) {
      throw asTransportError(error);
    }
  }

  return {
    async claim(key, { ttlMs, leaseMs }) {
      const answer = await run(CLAIM, key, Math.ceil(leaseMs), Math.ceil(ttlMs));
      const [status, value] = Array.isArray(answer) ? answer : [];
      if (status === 'done') return 'done';
      if (status === 'busy') return { status, forMs: Number(value) };
      return { status: 'claimed', key, token: Number(value), ttlMs };
    },
    async complete({ key, token, ttlMs }) {
      return (await run(COMPLETE, key, token, Math.ceil(ttlMs))) === 1;
    },
    async abandon({ key, token }) {
      return (await run(ABANDON, key, token)) === 1;
    },
  };
}

interface Script {
  readonly text: string;
  readonly sha: string;
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/*
 * A hash for each key: `state`, `token`, `lease` in ms, and `until`, its end. Tokens are the server's time in
 * microseconds, or one more than the last where its clock was set back.
 */
const CLAIM = script(`
local state, last, leased, lease = unpack(redis.call('HMGET', KEYS[1], 'state', 'token', 'until', 'lease'))
if state == 'done' then return {'done'} end
local time = redis.call('TIME')
local token = time[1] * 1000000 + time[2]
local now = math.floor(token / 1000)
if state == 'claimed' and tonumber(leased) > now then
  local left = tonumber(leased) - now
  if lease and left > tonumber(lease) then
    -- The clock was put back. Whoever had it may be at work, for no longer than that lease.
    left = tonumber(lease)
    redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + left))
  end
  return {'busy', left}
end
if last and tonumber(last) >= token then token = tonumber(last) + 1 end
local text = string.format('%.0f', token)
redis.call('HSET', KEYS[1], 'state', 'claimed', 'token', text, 'until', string.format('%.0f', now + ARGV[1]), 'lease', ARGV[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1] + ARGV[2])
return {'claimed', text}
`);

const COMPLETE = script(`
local state, token = unpack(redis.call('HMGET', KEYS[1], 'state', 'token'))
if token ~= ARGV[1] or state == 'abandoned' then return 0 end
if state == 'claimed' then
  redis.call('HSET', KEYS[1], 'state', 'done')
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
`);

const ABANDON = script(`
local state, token = unpack(redis.call('HMGET', KEYS[1], 'state', 'token'))
if token ~= ARGV[1] or state == 'done' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'abandoned')
return 1
`);
