import { defineScript } from '../../redis/script.ts';
import { IS_DUE, PUT_TIMES_BACK } from '../../redis/scripts/put-back.ts';
import { SEEN } from './consumers.ts';
import { LOTS, RECOVER, SPREAD } from './lots.ts';
import { FREE, HOLD, MAY_WRITE, NEEDS_GROUP, NOW, READ_ENTRY } from './shared.ts';

/** Finds the lease that stands in a consumer's name, in ms. */
const LEASE = `
local LEASE = '%.(%d+)$'`;

/**
 * Looks for what its consumer let lie: lots whose lease is over, and entries that have been pending for longer than the lease that stands in
 * the consumer's name. They are held apart from then on, ready at once. Removes consumers that own nothing and
 * have been away for long, and entries that are no longer retained. Where there may be more, the next to look need not
 * wait. Returns how many entries were pending but no longer in the stream.
 */
export const SWEEP = `
local MOST, MOST_LOTS = 500, 8

local function sweep(stream, group, token, defaultLease, retention, awayMs, time)
  local lots, spreads = KEYS[9], 0
  eachLot(lots, group, function(lot, leaseUntil)
    if leaseUntil > time or spreads == MOST_LOTS then return end
    spread(stream, lots, group, lot, time)
    spreads = spreads + 1
  end)
  recover(stream, lots, KEYS[5], group, field(groupOf(stream, group), 'last-delivered-id'), token)
  local lost, left = 0, MOST
  for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', stream, group)) do
    local name = field(consumer, 'name')
    if field(consumer, 'pending') == 0 then
      if field(consumer, 'idle') > awayMs then redis.call('XGROUP', 'DELCONSUMER', stream, group, name) end
    elseif left > 0 then
      local lease = string.match(name, LEASE) or defaultLease
      local late = redis.call('XPENDING', stream, group, 'IDLE', lease, '-', '+', left, name)
      local ids = {}
      for i, one in ipairs(late) do
        local entry = redis.call('XRANGE', stream, one[1], one[1])[1]
        if entry then
          local frame, body, enqueuedAt = readEntry(entry)
          hold(KEYS[2], KEYS[4], KEYS[5], frame, body, enqueuedAt, one[4], time, one[1])
        else
          lost = lost + 1
        end
        ids[i] = one[1]
      end
      if #ids > 0 then
        redis.call('XACK', stream, group, unpack(ids))
        free(stream, lots, ids, retention)
        left = left - #ids
      end
    end
  end
  if left == 0 or spreads == MOST_LOTS then redis.call('DEL', KEYS[6]) end
  local edge = edgeOf(stream, lots, redis.call('XINFO', 'GROUPS', stream))
  if edge then
    if retention > 0 then
      local oldest = string.format('%.0f-0', math.max(0, time - retention))
      if before(oldest, edge) then edge = oldest end
    end
    redis.call('XTRIM', stream, 'MINID', '=', edge)
  end
  return lost
end`;

/** Has leases and delays end when they were meant to although the clock was put back: those of entries begin anew. */
export const PUT_BACK = `
local function putBack(stream, group, by)
  putTimesBack({ KEYS[2], KEYS[3], KEYS[8] }, by)
  eachLot(KEYS[9], group, function(token) spread(stream, KEYS[9], group, token, 0) end)
  local start = '-'
  repeat
    local page = redis.call('XPENDING', stream, group, start, '+', 500)
    for _, one in ipairs(page) do
      redis.call('XCLAIM', stream, group, one[2], 0, one[1], 'IDLE', 0, 'JUSTID')
      start = '(' .. one[1]
    end
  until #page < 500
end`;

/** Makes a dead letter of what has been given up. */
const GIVE_UP = `
local function giveUp(frame, body, enqueuedAt, time)
  local id = redis.call('XADD', KEYS[7], '*', 'm', frame, 'b', body, 't', enqueuedAt)
  redis.call('ZADD', KEYS[8], time, id)
end`;

/**
 * Leases held messages: those whose lease has ended, and those whose time has come. One whose lease has ended at the
 * last delivery that it may have is given up: it ends its consumers, and would go on to for ever.
 */
export const TAKE = `
local function take(places, from, token, time, leaseMs, taken)
  if #places == 0 then return 0 end
  local lost = 0
  local bodies = redis.call('HMGET', KEYS[4], unpack(places))
  local states = redis.call('HMGET', KEYS[5], unpack(places))
  redis.call('ZREM', from, unpack(places))
  for i, place in ipairs(places) do
    if bodies[i] then
      local deliveries = (tonumber(string.match(states[i] or '', '^%d+')) or 0) + 1
      local message = cmsgpack.unpack(bodies[i])
      if from == KEYS[3] and deliveries > tonumber(ARGV[9]) then
        giveUp(message[1], message[2], message[3], time)
        redis.call('HDEL', KEYS[4], place)
        redis.call('HDEL', KEYS[5], place)
      else
        redis.call('HSET', KEYS[5], place, deliveries .. ':' .. token)
        redis.call('ZADD', KEYS[3], time + leaseMs, place)
        taken[#taken + 1] = { place, deliveries, message[1], message[2], message[3] }
      end
    else
      redis.call('HDEL', KEYS[5], place)
      lost = lost + 1
    end
  end
  return lost
end`;

export const READY = `
local stream, waiting, leased = KEYS[1], KEYS[2], KEYS[3]
local group, max, leaseMs, token = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
mayWrite(waiting)
-- Before anything is taken: it fails where there is no group.
seen(stream, group, token)
local time = now()
local lost = 0
local due, back = isDue(KEYS[6], time, ARGV[5])
if due then
  if back > 0 then putBack(stream, group, back) end
  lost = sweep(stream, group, token, ARGV[6], tonumber(ARGV[7]), tonumber(ARGV[8]), time)
end
local taken = {}
for _, key in ipairs({ leased, waiting }) do
  if #taken < max then
    local due = redis.call('ZRANGEBYSCORE', key, '-inf', time, 'LIMIT', 0, max - #taken)
    lost = lost + take(due, key, token, time, leaseMs, taken)
  end
end
local soon = -1
for _, key in ipairs({ waiting, leased }) do
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  if first and (soon < 0 or first - time < soon) then soon = math.max(0, first - time) end
end
return { taken, soon, redis.call('XLEN', stream), lost, #redis.call('XINFO', 'GROUPS', stream) }`;

/**
 * Takes held messages that are ready, and looks after what was abandoned. KEYS: stream, waiting, leased, bodies,
 * states, swept, dead, dead-shown, lots. ARGV: group, most, lease in ms, token, ms between sweeps (0: do not sweep), lease of
 * consumers whose name says none, retention, how long a consumer may be away in ms, most deliveries.
 * Returns: the messages; ms until more becomes ready, -1 when that is not known; the stream's length; how many were
 * lost; how many groups the stream has.
 */
export const TAKE_HELD = defineScript(
  NOW,
  READ_ENTRY,
  HOLD,
  MAY_WRITE,
  FREE,
  LEASE,
  LOTS,
  SPREAD,
  NEEDS_GROUP,
  RECOVER,
  SWEEP,
  PUT_TIMES_BACK,
  PUT_BACK,
  IS_DUE,
  GIVE_UP,
  TAKE,
  SEEN,
  READY,
);
