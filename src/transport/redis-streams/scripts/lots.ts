import { defineScript } from '../../redis/script.ts';
import { BEFORE, FIELD, NEEDS_GROUP, NOW } from './shared.ts';

/**
 * A lot: entries that a group which is the only one has read together, under one lease. They are not pending, for that
 * takes the server and its log as long as all the rest of their way. Where anything but their end may become of one, all that are
 * left are made pending: the lot is spread.
 *
 * In the hash of lots stands under `<group> <token>` a lot: when its lease ends, the id before its first entry, its last one,
 * and how many are left, once that is known. The token begins with the name of the consumer. Under the name of the group stands the
 * mark: where its last lot begins. Under `!<group>` the token of who is reading one, which nobody sees but where that has failed. And
 * among the states of held messages, under `!`, that there is a mark: when it is gone, so are lots.
 */
export const LOTS = `
local function lotOf(lots, group, token)
  return string.match(redis.call('HGET', lots, group .. ' ' .. token) or '', '^(%d+) (%S+) (%S+) (%d*)$')
end

local function eachLot(lots, group, work)
  local all = redis.call('HGETALL', lots)
  for i = 1, #all, 2 do
    local name, token = string.match(all[i], '^(%S+) (.*)$')
    if name == group then work(token, tonumber(string.match(all[i + 1], '^%d+'))) end
  end
end

-- What stands in the stream after one id and up to another, and is not pending. Few at a time, for they may be large.
local function eachFree(stream, group, from, to, work)
  local pending, page = {}
  for _, one in ipairs(redis.call('XPENDING', stream, group, '(' .. from, to, 1000000)) do pending[one[1]] = true end
  repeat
    page = redis.call('XRANGE', stream, '(' .. from, to, 'COUNT', 16)
    local ids = {}
    for _, entry in ipairs(page) do
      from = entry[1]
      if not pending[from] then ids[#ids + 1] = from end
    end
    if #ids > 0 then work(ids) end
  until #page < 16
end`;

/** Makes entries pending that are not, as if they had been for `idle` ms. */
const CLAIM = `
local function consumerOf(token)
  return string.match(token, '^(.*%.(%d+))%.%d+$')
end

local function claim(stream, group, consumer, from, to, idle)
  eachFree(stream, group, from, to, function(ids)
    for _, word in ipairs({ 'IDLE', idle, 'FORCE', 'JUSTID' }) do ids[#ids + 1] = word end
    redis.call('XCLAIM', stream, group, consumer, 0, unpack(ids))
  end)
end`;

export const SPREAD = `${CLAIM}

local function spread(stream, lots, group, token, time)
  local leaseUntil, from, to = lotOf(lots, group, token)
  if not from then return end
  local consumer, lease = consumerOf(token)
  claim(stream, group, consumer, from, to, math.max(0, lease - math.max(0, leaseUntil - time)))
  redis.call('HDEL', lots, group .. ' ' .. token)
end`;

/**
 * Makes pending, for the next sweep to find, what was read and came to be in no lot, because that has failed, or whose lot is gone.
 * `last`: the group's last id.
 */
export const RECOVER = `
local function recover(stream, lots, states, group, last, token)
  local mark, reading = unpack(redis.call('HMGET', lots, group, '!' .. group))
  if not reading and (mark or not redis.call('HGET', states, '!')) then return end
  local consumer, lease = consumerOf(token)
  claim(stream, group, consumer, mark and not before(last, mark) and mark or '0-0', last, lease)
  redis.call('HSET', lots, group, last)
  redis.call('HDEL', lots, '!' .. group)
end`;

/** How many entries of a lot are left. */
export const LEFT = `
local function leftIn(stream, lots, group, token)
  local _, from, to, left = lotOf(lots, group, token)
  if left ~= '' then return tonumber(left) end
  local count = 0
  eachFree(stream, group, from, to, function(ids) count = count + #ids end)
  return count
end`;

/**
 * Before a lot is read, in the same transaction. KEYS: stream, lots, states. ARGV: group, token.
 *
 * Only a script that has written may write more once the memory is full, so it begins with what changes nothing.
 */
export const BEGIN_LOT = defineScript(
  FIELD,
  BEFORE,
  NEEDS_GROUP,
  LOTS,
  CLAIM,
  RECOVER,
  `
local stream, lots, states = KEYS[1], KEYS[2], KEYS[3]
redis.call('HDEL', states, '')
local group = groupOf(stream, ARGV[1])
if group == nil then return redis.error_reply('NOGROUP no group') end
redis.call('HSET', states, '!', 1)
local last = field(group, 'last-delivered-id')
recover(stream, lots, states, ARGV[1], last, ARGV[2])
redis.call('HSET', lots, ARGV[1], last, '!' .. ARGV[1], ARGV[2])`,
);

/**
 * After it was read: leases it. KEYS: stream, lots, states. ARGV: group, token, lease in ms. Fails where it was not begun: what was read is
 * recovered by who comes next.
 */
export const LEASE_LOT = defineScript(
  NOW,
  FIELD,
  NEEDS_GROUP,
  `
local lots, group, token = KEYS[2], ARGV[1], ARGV[2]
local mark, reading = unpack(redis.call('HMGET', lots, group, '!' .. group))
if reading ~= token then return redis.error_reply('TRYAGAIN no lot was begun') end
redis.call('HDEL', lots, '!' .. group)
local last = field(groupOf(KEYS[1], group), 'last-delivered-id')
if last ~= mark then
  redis.call('HSET', lots, group .. ' ' .. token, now() + ARGV[3] .. ' ' .. mark .. ' ' .. last .. ' ')
end`,
);
