import { defineScript } from '../../redis/script.ts';
import { CLOCK, LOT, MAY_WRITE, NO_QUEUE, OPEN, THERE } from './shared.ts';

/** Creates what is missing. KEYS: lots of each subscription. Returns how many were not there. */
export const PROVISION = defineScript(`
local created = 0
for _, lots in ipairs(KEYS) do created = created + redis.call('HSETNX', lots, '#', 0) end
return created`);

/** KEYS: lots of each subscription. Returns which of them are missing, from 1. */
export const MISSING = defineScript(
  THERE,
  `
local missing = {}
for i, lots in ipairs(KEYS) do
  if not there(lots) then missing[#missing + 1] = i end
end
return missing`,
);

/** KEYS: queue, processing, dead, delayed, leases, lots. Returns ready, in flight, delayed, dead. */
export const DEPTH = defineScript(
  CLOCK,
  THERE,
  LOT,
  OPEN,
  `
local queue, processing, dead, delayed, leases, lots = unpack(KEYS)
if not there(lots) then return redis.error_reply('${NO_QUEUE} ' .. queue) end
local time = clock()
-- What other programs have taken stands in the processing list, with a lease or not yet.
local ours, foreign, over = tonumber(redis.call('HMGET', lots, '#')[1]), redis.call('LLEN', processing), 0
local ids = redis.call('ZRANGEBYSCORE', leases, '-inf', time)
for i, open in ipairs(openOf(lots, ids)) do
  if isForeign(ids[i]) then
    -- Another program may have ended some of them.
    open = math.min(open, foreign)
    foreign = foreign - open
  else
    open = math.min(open, ours)
    ours = ours - open
  end
  over = over + open
end
return {
  redis.call('LLEN', queue) + redis.call('ZCOUNT', delayed, '-inf', time) + over,
  ours + foreign,
  redis.call('ZCOUNT', delayed, '(' .. time, '+inf'),
  redis.call('LLEN', dead),
}`,
);

/**
 * Who consumes. KEYS: queue, leases, lots, consumers. Returns: consumers and when each was last seen; owner of what is in
 * flight, and how much.
 */
export const CONSUMERS = defineScript(
  CLOCK,
  THERE,
  OPEN,
  `
local queue, leases, lots, consumers = unpack(KEYS)
if not there(lots) then return redis.error_reply('${NO_QUEUE} ' .. queue) end
local time = clock()
local ids = redis.call('ZRANGEBYSCORE', leases, '(' .. time, '+inf')
local counts = {}
for i, open in ipairs(openOf(lots, ids)) do
  local owner = string.match(ids[i], '^(.+)%.[%w_-]+%.%d+%.%d+$')
  if owner then counts[owner] = (counts[owner] or 0) + open end
end
local held = {}
for owner, count in pairs(counts) do
  held[#held + 1] = owner
  held[#held + 1] = count
end
return { redis.call('ZRANGE', consumers, 0, -1, 'WITHSCORES'), held }`,
);

/**
 * Shows dead letters, the oldest first, and hides them from others for a while; of those that are the same, one after
 * the other. KEYS: queue, lots, dead, dead-shown. ARGV: how many to pass over, most, lease in ms.
 * Returns the letters; how many it has looked at; how many there are; the server's time.
 */
export const SCAN_DEAD = defineScript(
  CLOCK,
  THERE,
  MAY_WRITE,
  `
local WINDOW, PAGE, MOST_BYTES = 1000, 50, 8388608
local queue, lots, dead, shown = unpack(KEYS)
if not there(lots) then return redis.error_reply('${NO_QUEUE} ' .. queue) end
mayWrite(shown)
local at, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = clock()
redis.call('ZREMRANGEBYSCORE', shown, '-inf', time)
local length = redis.call('LLEN', dead)
local letters, looked, bytes = {}, 0, 0
while #letters < most and looked < WINDOW and bytes < MOST_BYTES and at + looked < length do
  local page = redis.call('LRANGE', dead, -(at + looked + PAGE), -(at + looked + 1))
  for i = #page, 1, -1 do
    if #letters == most then break end
    looked = looked + 1
    bytes = bytes + #page[i]
    if redis.call('ZADD', shown, 'NX', time + ARGV[3], redis.sha1hex(page[i])) == 1 then
      letters[#letters + 1] = page[i]
    end
  end
end
return { letters, looked, length, time }`,
);

/** Whether a dead letter is there. The oldest are looked at first, so they are found soon. */
const STANDS = `
local function stands(dead, letter)
  return redis.call('LPOS', dead, letter, 'RANK', -1) ~= false
end`;

/**
 * Puts dead letters to where they are taken next: whoever replays needs no right to publish. KEYS: dead, dead-shown, queue. ARGV:
 * letter, and entry, of each. Returns 1 or 0 for each.
 */
export const REPLAY_DEAD = defineScript(
  MAY_WRITE,
  STANDS,
  `
local dead, shown, queue = unpack(KEYS)
mayWrite(shown)
redis.call('LLEN', queue)
local outcomes = {}
for i = 1, #ARGV, 2 do
  local there = stands(dead, ARGV[i])
  if there then
    redis.call('RPUSH', queue, ARGV[i + 1])
    redis.call('LREM', dead, -1, ARGV[i])
    redis.call('ZREM', shown, redis.sha1hex(ARGV[i]))
  end
  outcomes[#outcomes + 1] = there and 1 or 0
end
return outcomes`,
);

/** KEYS: dead, dead-shown. ARGV: letters. Returns 1 or 0 for each. */
export const PURGE_DEAD = defineScript(`
local outcomes = {}
for i, letter in ipairs(ARGV) do
  outcomes[i] = redis.call('LREM', KEYS[1], -1, letter)
  redis.call('ZREM', KEYS[2], redis.sha1hex(letter))
end
return outcomes`);

/** Shows dead letters again to all. KEYS: dead, dead-shown. ARGV: letters. Returns 1 or 0 for each. */
export const RELEASE_DEAD = defineScript(
  STANDS,
  `
local outcomes = {}
for i, letter in ipairs(ARGV) do
  local hidden = redis.call('ZREM', KEYS[2], redis.sha1hex(letter))
  outcomes[i] = (hidden == 1 or stands(KEYS[1], letter)) and 1 or 0
end
return outcomes`,
);
