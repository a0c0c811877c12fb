import { defineScript } from '../../redis/script.ts';
import { LOTS, SPREAD } from './lots.ts';
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
    elseif action == 'postpone' then
      hold(KEYS[2], KEYS[4], KEYS[5], frame, body, enqueuedAt, 0, time + argument, id)
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
  if action == 'retry' or action == 'postpone' or action == 'release' then
    local readyAt = time
    if action == 'release' then deliveries = deliveries - 1 else readyAt = time + argument end
    if action == 'postpone' then deliveries = 0 end
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
local stream, group, lots, certain = KEYS[1], ARGV[1], KEYS[8], ARGV[2] == '1'
mayWrite(KEYS[2])
local time = now()
local done = {}
local count, answers = 0, {}

local function acknowledge(ids)
  if #ids == 0 then return end
  if certain then
    local acknowledged = redis.call('XACK', stream, group, unpack(ids))
    count = count + acknowledged
    if acknowledged == 0 then return end
    for _, id in ipairs(ids) do done[#done + 1] = id end
  else
    for _, id in ipairs(ids) do
      local one = redis.call('XACK', stream, group, id)
      answers[#answers + 1] = one
      if one == 1 then done[#done + 1] = id end
    end
  end
end

-- The group is the only one: what it is done with can go at once.
local function remove(ids)
  if certain then return redis.call('XDEL', stream, unpack(ids)) end
  local removed = 0
  for _, id in ipairs(ids) do
    local one = redis.call('XDEL', stream, id)
    answers[#answers + 1] = one
    removed = removed + one
  end
  return removed
end

local at = 5
local groups, there = ARGV[4] ~= '0' and redis.pcall('XINFO', 'GROUPS', stream) or {}, false
for _, one in ipairs(groups) do there = there or field(one, 'name') == group end
for _ = 1, tonumber(ARGV[4]) do
  local token, size, asked = ARGV[at], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local ids = { unpack(ARGV, at + 3, at + 2 + asked) }
  at = at + 3 + asked
  local leaseUntil, from, to, left = lotOf(lots, group, token)
  if not from or not there then
    acknowledge(ids)
  elseif asked == 0 or #groups > 1 then
    spread(stream, lots, group, token, time)
    acknowledge(ids)
  else
    local removed = remove(ids)
    count = count + removed
    left = (tonumber(left) or size) - removed
    if left > 0 then
      redis.call('HSET', lots, group .. ' ' .. token, table.concat({ leaseUntil, from, to, left }, ' '))
    else
      redis.call('HDEL', lots, group .. ' ' .. token)
    end
  end
end
acknowledge({ unpack(ARGV, at + 1, at + ARGV[at]) })
local others = {}
for i = at + 1 + ARGV[at], #ARGV, 4 do
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
free(stream, lots, done, tonumber(ARGV[3]))
return { certain and count or answers, others }`;

/**
 * Ends deliveries. KEYS: stream, waiting, leased, bodies, states, dead, dead-shown, lots. ARGV: group; 1 when no lease can
 * have ended, else 0; retention in ms; how many lots, and of each: token, size, how many of its entries to acknowledge, and their
 * ids; none where something else becomes of some, then it is spread; how many other entries to acknowledge, and their ids; then for
 * each other ending: token (empty: an entry of the stream), place, action, delay in ms or frame.
 *
 * An entry is in its lot, or stays pending, only as long as its first and only delivery lasts, whoever takes it over holds it
 * apart: so that it is there is the proof that the delivery is still its owner's.
 *
 * Returns how many were acknowledged, or where leases may have ended 1 or 0 for each; and for each other ending 1,
 * 0 or an error.
 */
export const SETTLE = defineScript(NOW, READ_ENTRY, HOLD, MAY_WRITE, FREE, LOTS, SPREAD, BURY, END, ENDINGS);

/**
 * Makes leases end later. KEYS: stream, leased, states, lots. ARGV: group, consumer, lease in ms, how many lots to spread and
 * their tokens, how many entries and their ids, then token and place of each held message. Returns the entries that are still ours, and 1 or 0 for each
 * held message.
 */
export const EXTEND = defineScript(
  NOW,
  MAY_WRITE,
  LOTS,
  SPREAD,
  `
mayWrite(KEYS[2])
local time = now()
local at = 5 + ARGV[4]
for i = 5, at - 1 do spread(KEYS[1], KEYS[4], ARGV[1], ARGV[i], time) end
local count = tonumber(ARGV[at])
local claimed = {}
if count > 0 then
  local ids = { unpack(ARGV, at + 1, at + count) }
  ids[count + 1] = 'JUSTID'
  claimed = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, unpack(ids))
end
local leaseUntil = time + ARGV[3]
local held = {}
for i = at + count + 1, #ARGV, 2 do
  local owner = string.match(redis.call('HGET', KEYS[3], ARGV[i + 1]) or '', '^%d+:(.*)$')
  local ours = owner == ARGV[i]
  if ours then redis.call('ZADD', KEYS[2], leaseUntil, ARGV[i + 1]) end
  held[#held + 1] = ours and 1 or 0
end
return { claimed, held }`,
);
