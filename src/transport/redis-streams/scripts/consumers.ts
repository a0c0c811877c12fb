import { defineScript } from '../../redis/script.ts';
import { LEFT, LOTS } from './lots.ts';
import { FIELD, NEEDS_GROUP, NOW } from './shared.ts';

/**
 * Has the server note that a consumer is there. Before 7.2 a read that brings nothing does not count, so this
 * asks for what the consumer owns beyond the last id there can be. The token begins with the consumer's name.
 */
export const SEEN = `
local function seen(stream, group, token)
  local consumer = string.match(token, '^(.*)%.%d+$')
  redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', 1, 'STREAMS', stream, '18446744073709551615-0')
end`;

/**
 * Who consumes. KEYS: stream, leased, states, lots. ARGV: group, how many held messages to pass over, and to look at.
 * Returns: consumers and lots, with the first page only: name, entries owned, when last seen; what is held in flight:
 * owner, how many, when last taken or extended; how many held messages were looked at.
 */
export const CONSUMERS = defineScript(
  NOW,
  FIELD,
  NEEDS_GROUP,
  LOTS,
  LEFT,
  `
local stream, group = KEYS[1], ARGV[1]
if groupOf(stream, group) == nil then return redis.error_reply('NOGROUP no group') end
local time = now()
local consumers = {}
if ARGV[2] == '0' then
  for i, one in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    consumers[i] = { field(one, 'name'), field(one, 'pending'), time - field(one, 'idle') }
  end
  eachLot(KEYS[4], group, function(token, leaseUntil)
    local name, lease = string.match(token, '^(.*%.(%d+))%.%d+$')
    consumers[#consumers + 1] = { name, leftIn(stream, KEYS[4], group, token), math.min(time, leaseUntil - lease) }
  end)
end
local page = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. time, '+inf', 'WITHSCORES', 'LIMIT', ARGV[2], ARGV[3])
local places = {}
for i = 1, #page, 2 do places[#places + 1] = page[i] end
local states = #places > 0 and redis.call('HMGET', KEYS[3], unpack(places)) or {}
local counts, seenAt = {}, {}
for i, state in ipairs(states) do
  local owner, lease = string.match(state or '', '^%d+:(.*)%.(%d+)%.%d+$')
  if owner then
    counts[owner] = (counts[owner] or 0) + 1
    seenAt[owner] = math.max(seenAt[owner] or 0, math.min(time, page[2 * i] - lease))
  end
end
local held = {}
for owner, count in pairs(counts) do held[#held + 1] = { owner, count, seenAt[owner] } end
return { consumers, held, #places }`,
);
