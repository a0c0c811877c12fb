import { defineScript } from '../../redis/script.ts';
import { IS_DUE, PUT_TIMES_BACK } from '../../redis/scripts/put-back.ts';
import { CLOCK, GIVE_BACK, LOT, MAY, MAY_WRITE, NO_QUEUE, REMOVE, THERE } from './shared.ts';

/** The server's time for a removal grows with what is in flight; whoever would take more waits. */
const MOST_IN_FLIGHT = 10_000;

/**
 * Returns what is over its lease to the queue, some lots at a time. What is not there was ended by another program. What
 * has had all its deliveries becomes a dead letter, as it is: it ends its consumers, and would go on to for ever.
 */
const REAP = `
local function reap(time, mostDeliveries)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', leases, '-inf', time, 'LIMIT', 0, 32)) do
    local entries, state, deliveries = readLot(lots, id)
    if entries then
      local open, back, counts = {}, {}, {}
      for i = 1, #entries do
        if not isOver(state, i) then open[#open + 1] = i end
      end
      local held = redis.call('HMGET', lots, '#', '#~')
      local own, foreign = tonumber(held[1]), tonumber(held[2] or 0)
      local missing = remove(id, entries, state, open, own + foreign, own)
      for _, i in ipairs(open) do
        if not missing[i] then
          local count = deliveries and deliveries[i] or 1
          if count >= mostDeliveries then
            redis.call('LPUSH', dead, entries[i])
          else
            back[#back + 1] = entries[i]
            counts[#counts + 1] = count
          end
        end
      end
      giveBack(queue, returned, back, counts)
      if #open > 0 then redis.call('HINCRBY', lots, isForeign(id) and '#~' or '#', -#open) end
    end
    dropLot(leases, lots, id)
  end
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
    local entries, state = readLot(lots, id)
    for i, entry in ipairs(entries or {}) do
      bytes = bytes + #entry
      if not isOver(state, i) then held[entry] = (held[entry] or 0) + 1 end
    end
    -- Nobody else is served meanwhile: not while so much is in flight.
    if bytes > MOST_BYTES then return nil end
  end
  return held
end

local function look(time, stamp, leaseMs)
  local counts = redis.call('HMGET', lots, '#', '#~', '@')
  local own, foreign, at = tonumber(counts[1]), tonumber(counts[2] or 0), tonumber(counts[3] or 0)
  local length = redis.call('LLEN', processing)
  if length == own and foreign == 0 then return end
  if at >= length then at = 0 end
  local held = heldEntries()
  if held == nil then return end
  local entries, deliveries, found = {}, {}, 0
  local function keep()
    if #entries == 0 then return end
    found = found + #entries
    local id = '~' .. stamp .. '.' .. found .. '.' .. #entries
    lease(leases, lots, id, entries, deliveries, time + leaseMs)
    entries, deliveries = {}, {}
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
        deliveries[#deliveries + 1] = 1
      end
    end
    keep()
    looked = looked + #page
    if at + looked >= length then break end
  end
  redis.call('HSET', lots, '@', at + looked < length and at + looked or 0)
  if found > 0 then redis.call('HINCRBY', lots, '#~', found) end
end`;

/** Leases the entry that a blocking move has brought to the processing list. */
const ADOPT = `
local function adopt(entry)
  if not redis.call('LPOS', processing, entry) then return false end
  if tonumber(redis.call('HGET', lots, '#~') or 0) == 0 then return true end
  -- Somebody may have looked meanwhile, and taken it for another program's.
  for _, id in ipairs(redis.call('ZRANGE', leases, 0, -1)) do
    if isForeign(id) then
      local entries, state = readLot(lots, id)
      for i, one in ipairs(entries or {}) do
        if one == entry and not isOver(state, i) then
          state = state or string.rep('o', #entries)
          redis.call('HSET', lots, id .. '~', string.sub(state, 1, i - 1) .. 'x' .. string.sub(state, i + 1))
          redis.call('HINCRBY', lots, '#~', -1)
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

/**
 * Takes entries, and looks after what was delayed and abandoned. KEYS: queue, processing, delayed, leases, lots, returned,
 * consumers, swept, dead, dead-shown. ARGV: most, lease in ms, what the ids of lots begin with, consumer (empty: not named), ms between sweeps (0: do not
 * sweep), lease of what another program took, how long a consumer may be away in ms, most
 * deliveries; and, where a blocking move has brought one, that entry.
 *
 * Returns: entries in pages, the oldest first; how many of them are in each lot; place (from 1) and deliveries of those delivered
 * before; ms until more becomes ready, -1 when that is not known; the queue's length; the server's time; 1 where too much
 * is in flight to take more; 1 where the entry of the blocking move is among them.
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
local lots, returned, consumers, swept, dead = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9]`,
  REMOVE,
  PUT_TIMES_BACK,
  IS_DUE,
  REAP,
  LOOK,
  ADOPT,
  DELIVERIES,
  `
local LOT_BYTES, MOST_BYTES = 65536, 8388608
local max, leaseMs, token = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
if not there(lots) then return redis.error_reply('${NO_QUEUE} ' .. queue) end
local refused = refusal('LPUSH', processing, '')
  or refusal('LREM', processing, 0, '')
  or refusal('LTRIM', queue, 0, 0)
  or refusal('RPUSH', queue, '')
  or refusal('LPUSH', dead, '')
  or refusal('HSET', returned, '', '')
if refused then return refused end
mayWrite(leases)
-- Nothing may fail once something has moved: these do where a key is not what it should be.
redis.call('LLEN', queue)
redis.call('HLEN', returned)
redis.call('LLEN', dead)
local inFlight = redis.call('LLEN', processing)
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
reap(time, tonumber(ARGV[8]))
if isLooked then
  look(time, stamp, tonumber(ARGV[6]))
  redis.call('ZREMRANGEBYSCORE', consumers, '-inf', time - ARGV[7])
end
if ARGV[4] ~= '' then redis.call('ZADD', consumers, time, ARGV[4]) end

local known = redis.call('HLEN', returned) > 0
local pages, sizes, again, taken = {}, {}, {}, 0
local function hand(entries)
  local deliveries = known and deliveriesOf(entries)
  sizes[#sizes + 1] = #entries
  lease(leases, lots, token .. '.' .. #sizes .. '.' .. #entries, entries, deliveries, time + leaseMs)
  if deliveries then
    for i, count in ipairs(deliveries) do
      if count > 1 then
        again[#again + 1] = taken + i
        again[#again + 1] = count
      end
    end
  end
  taken = taken + #entries
end

local adopted = ARGV[9] and adopt(ARGV[9])
if adopted then
  pages[1] = { ARGV[9] }
  hand(pages[1])
end
local full = inFlight >= ${MOST_IN_FLIGHT}
-- Few at first: how large they are shows only then.
local size, bytes = 16, 0
while not full and taken < max and bytes < MOST_BYTES do
  local wanted = math.min(size, max - taken)
  local page = redis.call('LRANGE', queue, -wanted, -1)
  local count = #page
  if count == 0 then break end
  local entries, lot, held, lotBytes = {}, {}, 0, 0
  for i = count, 1, -1 do entries[count - i + 1] = page[i] end
  redis.call('LPUSH', processing, unpack(entries))
  redis.call('LTRIM', queue, 0, -(count + 1))
  for i, entry in ipairs(entries) do
    held = held + 1
    lot[held] = entry
    lotBytes = lotBytes + #entry
    if held == LOT_SIZE or lotBytes > LOT_BYTES or i == count then
      hand(lot)
      bytes = bytes + lotBytes
      lot, held, lotBytes = {}, 0, 0
    end
  end
  pages[#pages + 1] = entries
  if count < wanted then break end
  size = size * 4
end
if taken > 0 then redis.call('HINCRBY', lots, '#', taken) end

local length = redis.call('LLEN', queue)
-- What it knew was about entries that another program has taken; unless one of those is on its way to a consumer of ours.
if length == 0 and redis.call('HLEN', returned) > 0 then
  local leased = redis.call('HMGET', lots, '#', '#~')
  if redis.call('LLEN', processing) <= leased[1] + (leased[2] or 0) then redis.call('DEL', returned) end
end
local soon = -1
for _, key in ipairs({ delayed, leases }) do
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2]
  if first and (soon < 0 or first - time < soon) then soon = math.max(0, first - time) end
end
return { pages, sizes, again, soon, length, time, full and 1 or 0, adopted and 1 or 0 }`,
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
