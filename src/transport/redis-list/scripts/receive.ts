import { defineScript } from '../../redis/script.ts';
import { IS_DUE, PUT_TIMES_BACK } from '../../redis/scripts/put-back.ts';
import { CLOCK, GIVE_BACK, LOT, MAY, MAY_WRITE, NO_QUEUE, THERE } from './shared.ts';

/**
 * Returns entries whose lease is over to the queue; what has had all its deliveries becomes a dead letter, as it is: it ends its
 * consumers, and would go on to for ever.
 */
const RETURN = `
local function returnAll(entries, deliveries, mostDeliveries)
  local back, counts = {}, {}
  for i, entry in ipairs(entries) do
    if deliveries[i] >= mostDeliveries then
      redis.call('LPUSH', dead, entry)
    else
      back[#back + 1] = entry
      counts[#counts + 1] = deliveries[i]
    end
  end
  giveBack(queue, returned, back, counts)
end`;

/**
 * Does so with some of what other programs took, unless they have ended it. Returns lots of ours whose lease is over, for who
 * calls to name their lists.
 */
const REAP_FOREIGN = `
local function reapForeign(time, mostDeliveries)
  local ours = {}
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', time, 'LIMIT', 0, 32)) do
    if isForeign(id) then
      local state = redis.call('HGET', lots, id .. '~')
      local left, counts, open = {}, {}, 0
      for i, entry in ipairs(unpacked(lots, id) or {}) do
        if not isOver(state, i) then
          open = open + 1
          if redis.call('LREM', processing, -1, entry) == 1 then
            left[#left + 1] = entry
            counts[#counts + 1] = 1
          end
        end
      end
      returnAll(left, counts, mostDeliveries)
      if open > 0 then countDown(lots, '#~', open) end
      dropLot(leases, lots, id)
    else
      ours[#ours + 1] = id
    end
  end
  return ours
end`;

/**
 * Leases what stands in the processing list and belongs to nobody: another program has taken it there, or a consumer whose
 * blocking move was its last. Two entries may be the same, so they are counted. Looks at some of the list, further
 * on each time.
 */
const LOOK = `
local WINDOW, LOT_SIZE, MOST_BYTES = 1000, 50, 16777216

local function heldEntries()
  local held, bytes = {}, 0
  for _, id in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
    if isForeign(id) then
      local state = redis.call('HGET', lots, id .. '~')
      for i, entry in ipairs(unpacked(lots, id) or {}) do
        bytes = bytes + #entry
        if not isOver(state, i) then held[entry] = (held[entry] or 0) + 1 end
      end
      -- Nobody else is served meanwhile: not while so much is in flight.
      if bytes > MOST_BYTES then return nil end
    end
  end
  return held
end

local function look(time, stamp, leaseMs)
  local counts = redis.call('HMGET', lots, '#~', '@')
  local foreign, at = tonumber(counts[1] or 0), tonumber(counts[2] or 0)
  local length = redis.call('LLEN', processing)
  if length == 0 and foreign == 0 then return end
  if at >= length then at = 0 end
  local held = heldEntries()
  if held == nil then return end
  local entries, found = {}, 0
  local function keep()
    if #entries == 0 then return end
    found = found + #entries
    local id = '~' .. stamp .. '.' .. found .. '.' .. #entries
    redis.call('HSET', lots, id, cmsgpack.pack(entries))
    redis.call('ZADD', leases, time + leaseMs, id)
    entries = {}
  end
  local bytes, looked = 0, 0
  while looked < WINDOW and bytes < MOST_BYTES do
    local page = redis.call('LRANGE', processing, -(at + looked + LOT_SIZE), -(at + looked + 1))
    for i = #page, 1, -1 do
      local entry = page[i]
      bytes = bytes + #entry
      if held[entry] and held[entry] > 0 then
        held[entry] = held[entry] - 1
      else
        entries[#entries + 1] = entry
      end
    end
    keep()
    looked = looked + #page
    if at + looked >= length then break end
  end
  redis.call('HSET', lots, '@', at + looked < length and at + looked or 0)
  if found > 0 then redis.call('HINCRBY', lots, '#~', found) end
end`;

/** Takes the entry that a blocking move has brought to the processing list. */
const ADOPT = `
local function adopt(entry)
  if redis.call('LREM', processing, 1, entry) == 0 then return false end
  if tonumber(redis.call('HGET', lots, '#~') or 0) == 0 then return true end
  -- Somebody may have looked meanwhile, and taken it for another program's.
  for _, id in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
    if isForeign(id) then
      local state = redis.call('HGET', lots, id .. '~')
      for i, one in ipairs(unpacked(lots, id) or {}) do
        if one == entry and not isOver(state, i) then
          redis.call('HSET', lots, id .. '~', (marked(state, sizeOf(id), { [i] = true })))
          countDown(lots, '#~', 1)
          return true
        end
      end
    end
  end
  return true
end`;

/** How often entries were delivered, this time included; nil where for all it is the first time. */
const DELIVERIES = `
local function deliveriesOf(entries)
  local all
  for i, known in ipairs(redis.call('HMGET', returned, unpack(entries))) do
    -- It was read before the one that is the same took its count away.
    if known then known = redis.call('HGET', returned, entries[i]) end
    if known then
      local count, rest = string.match(known, '^(%d+),?(.*)$')
      if rest == '' then
        redis.call('HDEL', returned, entries[i])
      else
        redis.call('HSET', returned, entries[i], rest)
      end
      if not all then
        all = {}
        for each = 1, #entries do all[each] = 1 end
      end
      all[i] = count + 1
    end
  end
  return all
end`;

/** How many to take: of large ones fewer, as the oldest are, and some of those behind them. */
const PORTION = `
local FEW, SAMPLES, MOST_BYTES = 16, 8, 8388608

local function portion(most)
  if most <= FEW then return most end
  most = math.min(most, redis.call('LLEN', queue))
  local bytes = 0
  for _, entry in ipairs(redis.call('LRANGE', queue, -FEW, -1)) do bytes = bytes + #entry end
  local behind = most - FEW
  if behind <= 0 then return most end
  local sampled = 1
  for i = 1, SAMPLES do
    sampled = sampled + #redis.call('LINDEX', queue, -(FEW + math.ceil(behind * i / SAMPLES)))
  end
  return FEW + math.max(0, math.min(behind, math.floor((MOST_BYTES - bytes) * SAMPLES / sampled)))
end`;

/**
 * Takes entries, and looks after what was delayed and abandoned. KEYS: queue, processing, delayed, leases, lots, returned,
 * consumers, swept, dead, dead-shown, list of the lot. ARGV: most, lease in ms, what the lot's id begins with, consumer (empty: not
 * named), ms between sweeps (0: do not sweep), lease of what another program took, how long a consumer may be away in ms, most
 * deliveries; and, where a blocking move has brought one, that entry.
 *
 * Returns: how many entries are in the lot, the oldest first, but that of the blocking move last; place (from 1) and deliveries of those
 * delivered before; ms until more becomes ready, -1 when that is not known; the queue's length; the server's time; 1 where the entry of the
 * blocking move is among them; lots whose lease is over.
 */
export const TAKE = defineScript(
  CLOCK,
  THERE,
  MAY,
  MAY_WRITE,
  LOT,
  GIVE_BACK,
  `
local queue, processing, delayed, leases = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local lots, returned, consumers, swept, dead, list = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[11]`,
  RETURN,
  PUT_TIMES_BACK,
  IS_DUE,
  REAP_FOREIGN,
  LOOK,
  ADOPT,
  DELIVERIES,
  PORTION,
  `
local max, leaseMs, token = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
if not there(lots) then return redis.error_reply('${NO_QUEUE} ' .. queue) end
local refused = refusal('SORT', queue, 'BY', 'nosort', 'STORE', list)
  or refusal('RPUSH', list, '')
  or refusal('LRANGE', list, 0, -1)
  or refusal('LREM', processing, 0, '')
  or refusal('LTRIM', queue, 0, 0)
  or refusal('RPUSH', queue, '')
  or refusal('LPUSH', dead, '')
  or refusal('HSET', returned, '', '')
  or refusal('HINCRBY', lots, '', 0)
if refused then return refused end
mayWrite(leases)
-- A token that is used twice would put another portion in place of the first.
if redis.call('EXISTS', list) == 1 then return redis.error_reply('TRYAGAIN the lot was taken before') end
-- Nothing may fail once something has moved: these do where a key is not what it should be.
redis.call('LLEN', queue)
redis.call('LLEN', processing)
redis.call('HLEN', returned)
redis.call('LLEN', dead)
local time, stamp = clock()

local due = redis.call('ZRANGEBYSCORE', delayed, '-inf', time, 'LIMIT', 0, max)
if #due > 0 then
  local entries, counts = {}, {}
  for i, one in ipairs(due) do
    local count, entry = string.match(one, '^[%d.]+:(%d+):(.*)$')
    entries[i], counts[i] = entry, tonumber(count)
  end
  redis.call('ZREM', delayed, unpack(due))
  giveBack(queue, returned, entries, counts)
end

local isLooked, back = isDue(swept, time, ARGV[5])
if isLooked and back > 0 then putTimesBack({ delayed, leases, KEYS[10] }, back) end
local ours = reapForeign(time, tonumber(ARGV[8]))
if isLooked then
  look(time, stamp, tonumber(ARGV[6]))
  redis.call('ZREMRANGEBYSCORE', consumers, '-inf', time - ARGV[7])
end
if ARGV[4] ~= '' then redis.call('ZADD', consumers, time, ARGV[4]) end

local adopted = ARGV[9] and adopt(ARGV[9])
local taken = portion(adopted and max - 1 or max)
if taken > 0 then
  taken = redis.call('SORT', queue, 'BY', 'nosort', 'DESC', 'LIMIT', 0, taken, 'STORE', list)
  redis.call('LTRIM', queue, 0, -(taken + 1))
end
if adopted then taken = redis.call('RPUSH', list, ARGV[9]) end
local again = {}
if taken > 0 then
  local id = token .. '.' .. taken
  redis.call('ZADD', leases, time + leaseMs, id)
  redis.call('HINCRBY', lots, '#', taken)
  local deliveries = redis.call('HLEN', returned) > 0 and deliveriesOf(redis.call('LRANGE', list, 0, -1))
  if deliveries then
    redis.call('HSET', lots, id, cmsgpack.pack(deliveries))
    for place, count in ipairs(deliveries) do
      if count > 1 then
        again[#again + 1] = place
        again[#again + 1] = count
      end
    end
  end
end

local length = redis.call('LLEN', queue)
-- What it knew was about entries that another program has taken; unless one of those is on its way to a consumer of ours.
if length == 0 and redis.call('HLEN', returned) > 0 then
  if redis.call('LLEN', processing) <= tonumber(redis.call('HGET', lots, '#~') or 0) then redis.call('DEL', returned) end
end
local soon = -1
for _, key in ipairs({ delayed, leases }) do
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  if first and (soon < 0 or first - time < soon) then soon = math.max(0, first - time) end
end
return { taken, again, soon, length, time, adopted and 1 or 0, ours }`,
);

/**
 * Returns a lot whose lease is over to the queue, or to the dead letters. KEYS: queue, dead, leases, lots, returned, list of the lot.
 * ARGV: its id, most deliveries.
 */
export const REAP = defineScript(
  CLOCK,
  MAY,
  MAY_WRITE,
  LOT,
  GIVE_BACK,
  `
local queue, dead, leases, lots, returned, list = unpack(KEYS)
local id = ARGV[1]`,
  RETURN,
  `
local refused = refusal('RPUSH', queue, '')
  or refusal('LPUSH', dead, '')
  or refusal('HSET', returned, '', '')
  or refusal('HINCRBY', lots, '', 0)
  or refusal('HDEL', lots, '')
  or refusal('DEL', list)
if refused then return refused end
mayWrite(leases)
redis.call('LLEN', queue)
redis.call('LLEN', dead)
redis.call('HLEN', returned)
local leaseUntil = redis.call('ZSCORE', leases, id)
if not leaseUntil or tonumber(leaseUntil) > clock() then return end
local state, deliveries = redis.call('HGET', lots, id .. '~'), unpacked(lots, id)
local left, counts = {}, {}
for place, entry in ipairs(redis.call('LRANGE', list, 0, -1)) do
  if not isOver(state, place) then
    left[#left + 1] = entry
    counts[#counts + 1] = deliveries and deliveries[place] or 1
  end
end
returnAll(left, counts, tonumber(ARGV[2]))
local _, open = marked(state, sizeOf(id), {})
countDown(lots, '#', open)
redis.call('DEL', list)
dropLot(leases, lots, id)`,
);

/** Takes back what a blocking move brought to somebody who does not want it any more. KEYS: processing, queue. ARGV: the entry. */
export const PUT_BACK = defineScript(
  MAY,
  `
local refused = refusal('RPUSH', KEYS[2], '')
if refused then return refused end
redis.call('LLEN', KEYS[2])
if redis.call('LREM', KEYS[1], 1, ARGV[1]) == 1 then redis.call('RPUSH', KEYS[2], ARGV[1]) end`,
);
