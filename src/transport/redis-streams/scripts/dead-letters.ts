import { defineScript } from '../../redis/script.ts';
import { FIELD, HOLD, NEEDS_GROUP, NOW } from './shared.ts';

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
local letters, looked = {}, 0
local ids
repeat
  ids = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', time, 'LIMIT', 0, ARGV[2])
  looked = looked + #ids
  for _, id in ipairs(ids) do
    local entry = redis.call('XRANGE', KEYS[2], id, id)[1]
    if entry then
      redis.call('ZADD', KEYS[3], time + ARGV[3], id)
      letters[#letters + 1] = { id, field(entry[2], 'm'), field(entry[2], 'b'), field(entry[2], 't') }
    else
      redis.call('ZREM', KEYS[3], id)
    end
  end
-- A page of what somebody else has removed is not the last one; others are to be served, too.
until #letters > 0 or #ids == 0 or looked > 10000
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

/** Shows dead letters again to all, where they stood. KEYS: dead, dead-shown. ARGV: ids. Returns 1 or 0 for each. */
export const RELEASE_DEAD = defineScript(`
local outcomes = {}
for i, id in ipairs(ARGV) do
  local there = redis.call('ZSCORE', KEYS[2], id)
  if there then redis.call('ZADD', KEYS[2], string.match(id, '^%d+'), id) end
  outcomes[i] = there and 1 or 0
end
return outcomes`);
