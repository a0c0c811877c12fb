import { defineScript, type Script } from '../../redis/script.ts';
import { LEFT, LOTS } from './lots.ts';
import { FIELD, NEEDS_GROUP, NOW, UNREAD } from './shared.ts';

/**
 * Creates what is missing. KEYS: stream, and lots where there may be some. ARGV: its groups. Returns how many were created.
 * What a group of the same name had in lots, one that is new does not hold.
 */
export const PROVISION = defineScript(
  FIELD,
  NEEDS_GROUP,
  LOTS,
  `
local stream, lots = KEYS[1], KEYS[2]
local read = 0
if redis.call('EXISTS', stream) == 1 then
  local info = redis.call('XINFO', 'STREAM', stream)
  -- A new group reads all that is there; what has gone before counts as read.
  read = field(info, 'entries-added') - field(info, 'length')
end
local created = 0
for _, group in ipairs(ARGV) do
  if lots and groupOf(stream, group) == nil then
    eachLot(lots, group, function(token) redis.call('HDEL', lots, group .. ' ' .. token) end)
    redis.call('HDEL', lots, group, '!' .. group)
  end
  local reply = redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM', 'ENTRIESREAD', read)
  if reply.err == nil then
    created = created + 1
  elseif string.sub(reply.err, 1, 9) ~= 'BUSYGROUP' then
    return reply
  end
end
return created`,
);

/** KEYS: the stream. ARGV: groups. Returns those that are missing. */
export const MISSING = defineScript(
  FIELD,
  NEEDS_GROUP,
  `
local missing = {}
for _, group in ipairs(ARGV) do
  if groupOf(KEYS[1], group) == nil then missing[#missing + 1] = group end
end
return missing`,
);

/** KEYS: stream, waiting, leased, dead-shown, dead, lots. ARGV: group. Returns ready, in flight, delayed, dead. */
export const DEPTH = depthScript("redis.call('ZCARD', KEYS[4])");

/** `dead`: what counts dead letters. */
export function depthScript(dead: string): Script {
  return defineScript(
    NOW,
    FIELD,
    NEEDS_GROUP,
    UNREAD,
    LOTS,
    LEFT,
    `
local group = groupOf(KEYS[1], ARGV[1])
if group == nil then return redis.error_reply('NOGROUP no group') end
local time = now()
local inLots = 0
eachLot(KEYS[6], ARGV[1], function(token) inLots = inLots + leftIn(KEYS[1], KEYS[6], ARGV[1], token) end)
local ready = redis.call('ZCOUNT', KEYS[2], '-inf', time) + redis.call('ZCOUNT', KEYS[3], '-inf', time)
return {
  unreadBy(KEYS[1], group) + ready,
  field(group, 'pending') + inLots + redis.call('ZCOUNT', KEYS[3], '(' .. time, '+inf'),
  redis.call('ZCOUNT', KEYS[2], '(' .. time, '+inf'),
  ${dead},
}`,
  );
}
