import { defineScript } from '../../redis/script.ts';
import { HOLD, NOW } from './shared.ts';

export const FIELD = `
local function field(list, name)
  for i = 1, #list, 2 do if list[i] == name then return list[i + 1] end end
end`;

export const NEEDS_GROUP = `
local function groupOf(stream, name)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err then
    if string.find(groups.err, 'no such key') then return nil end
    error(groups)
  end
  for _, group in ipairs(groups) do
    if field(group, 'name') == name then return group end
  end
end`;

/** Creates what is missing. KEYS: the stream. ARGV: its groups. Returns how many were created. */
export const PROVISION = defineScript(
  FIELD,
  `
local stream = KEYS[1]
local read = 0
if redis.call('EXISTS', stream) == 1 then
  local info = redis.call('XINFO', 'STREAM', stream)
  -- A new group reads all that is there; what has gone before counts as read.
  read = field(info, 'entries-added') - field(info, 'length')
end
local created = 0
for _, group in ipairs(ARGV) do
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

/** KEYS: stream, waiting, leased, dead-shown. ARGV: group. Returns ready, in flight, delayed, dead. */
export const DEPTH = defineScript(
  NOW,
  FIELD,
  NEEDS_GROUP,
  `
local group = groupOf(KEYS[1], ARGV[1])
if group == nil then return redis.error_reply('NOGROUP no group') end
local time = now()
local read = field(group, 'entries-read')
local unread
if read then
  unread = field(redis.call('XINFO', 'STREAM', KEYS[1]), 'entries-added') - read
else
  unread = #redis.call('XRANGE', KEYS[1], '(' .. field(group, 'last-delivered-id'), '+', 'COUNT', 10000)
end
local ready = redis.call('ZCOUNT', KEYS[2], '-inf', time) + redis.call('ZCOUNT', KEYS[3], '-inf', time)
return {
  unread + ready,
  field(group, 'pending') + redis.call('ZCOUNT', KEYS[3], '(' .. time, '+inf'),
  redis.call('ZCOUNT', KEYS[2], '(' .. time, '+inf'),
  redis.call('ZCARD', KEYS[4]),
}`,
);

/**
 * Shows dead letters, and hides them from others for a while. KEYS: stream, dead, dead-shown. ARGV: group, most, lease in
 * ms. Returns id, frame, body and enqueuedAt of each.
 */
export const SCAN_DEAD = defineScript(
  NOW,
  FIELD,
  NEEDS_GROUP,
  `
if groupOf(KEYS[1], ARGV[1]) == nil then return redis.error_reply('NOGROUP no group') end
local time = now()
local letters = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', time, 'LIMIT', 0, ARGV[2])) do
  local entry = redis.call('XRANGE', KEYS[2], id, id)[1]
  if entry then
    redis.call('ZADD', KEYS[3], time + ARGV[3], id)
    letters[#letters + 1] = { id, field(entry[2], 'm'), field(entry[2], 'b'), field(entry[2], 't') }
  else
    redis.call('ZREM', KEYS[3], id)
  end
end
return letters`,
);

/** KEYS: dead, dead-shown, waiting, bodies, states. ARGV: id and new frame of each. Returns 1 or 0 for each. */
export const REPLAY_DEAD = defineScript(
  NOW,
  FIELD,
  HOLD,
  `
local time = now()
local outcomes = {}
for i = 1, #ARGV, 2 do
  local entry = redis.call('XRANGE', KEYS[1], ARGV[i], ARGV[i])[1]
  if entry then
    hold(KEYS[3], KEYS[4], KEYS[5], ARGV[i + 1], field(entry[2], 'b'), time, 0, time)
    redis.call('XDEL', KEYS[1], ARGV[i])
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
  outcomes[#outcomes + 1] = entry and 1 or 0
end
return outcomes`,
);

/** KEYS: dead, dead-shown. ARGV: ids. Returns 1 or 0 for each. */
export const PURGE_DEAD = defineScript(`
local outcomes = {}
for i, id in ipairs(ARGV) do
  outcomes[i] = redis.call('XDEL', KEYS[1], id)
  redis.call('ZREM', KEYS[2], id)
end
return outcomes`);

/** Shows dead letters again to all, where they stood. KEYS: dead-shown. ARGV: ids. Returns 1 or 0 for each. */
export const RELEASE_DEAD = defineScript(`
local outcomes = {}
for i, id in ipairs(ARGV) do
  local there = redis.call('ZSCORE', KEYS[1], id)
  if there then redis.call('ZADD', KEYS[1], string.match(id, '^%d+'), id) end
  outcomes[i] = there and 1 or 0
end
return outcomes`);
