import { defineScript } from '../../redis/script.ts';
import { FREE, HOLD, MAY_WRITE, NOW, READ_ENTRY } from './shared.ts';

/** Stores a dead letter. */
const BURY = `
local function bury(frame, body, enqueuedAt, time)
  local id = redis.call('XADD', KEYS[6], '*', 'm', frame, 'b', body, 't', enqueuedAt)
  redis.call('ZADD', KEYS[7], time, id)
end`;

/** Ends one delivery other than by acknowledging an entry of the stream. True when it was still ours. */
export const END = `
local function ownsEntry(stream, group, id)
  return #redis.call('XPENDING', stream, group, id, id, 1) == 1
end

local function endEntry(group, id, action, argument, time, done)
  local stream = KEYS[1]
  if not ownsEntry(stream, group, id) then return false end
  local entry = redis.call('XRANGE', stream, id, id)[1]
  if entry then
    local frame, body, enqueuedAt = readEntry(entry)
    if action == 'deadLetter' then
      bury(argument, body, enqueuedAt, time)
    elseif action == 'retry' then
      hold(KEYS[2], KEYS[4], KEYS[5], frame, body, enqueuedAt, 1, time + argument, id)
    else
      hold(KEYS[2], KEYS[4], KEYS[5], frame, body, enqueuedAt, 0, time, id)
    end
  end
  redis.call('XACK', stream, group, id)
  done[#done + 1] = id
  return entry ~= nil
end

local function endHeld(token, place, action, argument, time)
  local deliveries, owner = string.match(redis.call('HGET', KEYS[5], place) or '', '^(%d+):(.*)$')
  if owner ~= token then return false end
  if action == 'retry' or action == 'release' then
    local readyAt = time
    if action == 'retry' then readyAt = time + argument else deliveries = deliveries - 1 end
    redis.call('HSET', KEYS[5], place, deliveries .. ':')
    redis.call('ZREM', KEYS[3], place)
    redis.call('ZADD', KEYS[2], readyAt, place)
    return true
  end
  if action == 'deadLetter' then
    local held = redis.call('HGET', KEYS[4], place)
    if held then
      local message = cmsgpack.unpack(held)
      bury(argument, message[2], message[3], time)
    end
  end
  redis.call('ZREM', KEYS[3], place)
  redis.call('HDEL', KEYS[4], place)
  redis.call('HDEL', KEYS[5], place)
  return true
end`;

export const ENDINGS = `
local stream, group = KEYS[1], ARGV[1]
mayWrite(KEYS[2])
local time = now()
local count = tonumber(ARGV[4])
local done = {}
local acknowledged = 0
if count > 0 then
  local ids = { unpack(ARGV, 5, 4 + count) }
  if ARGV[2] == '1' then
    acknowledged = redis.call('XACK', stream, group, unpack(ids))
    if acknowledged > 0 then done = ids end
  else
    acknowledged = {}
    for i, id in ipairs(ids) do
      acknowledged[i] = redis.call('XACK', stream, group, id)
      if acknowledged[i] == 1 then done[#done + 1] = id end
    end
  end
end
local others = {}
for i = 5 + count, #ARGV, 4 do
  local ended, answer
  if ARGV[i] == '' then
    ended, answer = pcall(endEntry, group, ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], time, done)
  else
    ended, answer = pcall(endHeld, ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3], time)
  end
  if ended then
    others[#others + 1] = answer and 1 or 0
  else
    others[#others + 1] = type(answer) == 'table' and answer.err or answer
  end
end
free(stream, done, tonumber(ARGV[3]))
return { acknowledged, others }`;

/**
 * Ends deliveries. KEYS: stream, waiting, leased, bodies, states, dead, dead-shown. ARGV: group; 1 when no lease can
 * have ended, else 0; retention in ms; how many entries to acknowledge, and their ids; then for each other ending:
 * token (empty: an entry of the stream), place, action, delay in ms or frame.
 *
 * An entry stays pending only as long as its first and only delivery lasts, whoever takes it over holds it apart:
 * so that it is pending is the proof that the delivery is still its owner's.
 *
 * Returns how many were acknowledged, or where leases may have ended 1 or 0 for each; and for each other ending 1,
 * 0 or an error.
 */
export const SETTLE = defineScript(NOW, READ_ENTRY, HOLD, MAY_WRITE, FREE, BURY, END, ENDINGS);

/**
 * Makes leases end later. KEYS: stream, leased, states. ARGV: group, consumer, lease in ms, how many entries and their
 * ids, then token and place of each held message. Returns the entries that are still ours, and 1 or 0 for each
 * held message.
 */
export const EXTEND = defineScript(
  NOW,
  MAY_WRITE,
  `
mayWrite(KEYS[2])
local count = tonumber(ARGV[4])
local claimed = {}
if count > 0 then
  local ids = { unpack(ARGV, 5, 4 + count) }
  ids[count + 1] = 'JUSTID'
  claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(ids))
end
local leaseUntil = now() + ARGV[3]
local held = {}
for i = 5 + count, #ARGV, 2 do
  local owner = string.match(redis.call('HGET', KEYS[3], ARGV[i + 1]) or '', '^%d+:(.*)$')
  local ours = owner == ARGV[i]
  if ours then redis.call('ZADD', KEYS[2], leaseUntil, ARGV[i + 1]) end
  held[#held + 1] = ours and 1 or 0
end
return { claimed, held }`,
);
