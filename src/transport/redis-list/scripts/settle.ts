import { defineScript } from '../../redis/script.ts';
import { CLOCK, GIVE_BACK, LOT, MAY, MAY_WRITE } from './shared.ts';

/**
 * Ends deliveries. KEYS: queue, dead, delayed, leases, lots, returned, and the list of each lot. ARGV for each lot: its id; which of its
 * entries are acknowledged (`*`: all; else their places from 1, with commas); how many endings follow, and of each: place, action,
 * delay in ms, and the entry as it is from now on, empty where it stays as it is.
 *
 * Returns number (from 1) of the lot and place (0: all that was asked) of each delivery that is not ours any more.
 */
export const SETTLE = defineScript(
  CLOCK,
  MAY,
  MAY_WRITE,
  LOT,
  GIVE_BACK,
  `
local queue, dead, delayed, leases, lots, returned = unpack(KEYS)
local refused = refusal('LPUSH', dead, '')
  or refusal('RPUSH', queue, '')
  or refusal('ZADD', delayed, 0, '')
  or refusal('HSET', returned, '', '')
  or refusal('LINDEX', KEYS[7], 0)
  or refusal('DEL', KEYS[7])
  or refusal('HDEL', lots, '')
  or refusal('HINCRBY', lots, '', 0)
if refused then return refused end
mayWrite(leases)
-- Nothing may fail once something has moved: these do where a key is not what it should be.
redis.call('LLEN', queue)
redis.call('LLEN', dead)
redis.call('ZCARD', delayed)
redis.call('HLEN', returned)
local time, stamp = clock()
local lost, back, counts, ended = {}, {}, {}, 0

local function lose(lot, place)
  lost[#lost + 1] = lot
  lost[#lost + 1] = place
end

local i, lot = 1, 0
while i <= #ARGV do
  local id, acks, others = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  local first = i + 3
  lot = lot + 1
  i = first + 4 * others
  local list, size = KEYS[6 + lot], sizeOf(id)
  local leased = redis.call('ZSCORE', leases, id) and redis.call('EXISTS', list) == 1
  local state = leased and redis.call('HGET', lots, id .. '~')
  if not leased then
    lose(lot, 0)
  elseif acks == '*' and not state then
    ended = ended + size
    redis.call('DEL', list)
    dropLot(leases, lots, id)
  else
    local places, asked = {}, 0
    local function want(place)
      local ours = not isOver(state, place) and not places[place]
      if ours then
        places[place] = true
        asked = asked + 1
      else
        lose(lot, place)
      end
      return ours
    end
    if acks == '*' then
      for place = 1, size do want(place) end
    else
      for place in string.gmatch(acks, '%d+') do want(tonumber(place)) end
    end
    local deliveries = others > 0 and unpacked(lots, id)
    for at = first, i - 1, 4 do
      local place, action, delay, text = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
      if want(place) then
        if action == 'deadLetter' then
          redis.call('LPUSH', dead, text)
        else
          local entry, count = text, 0
          if text == '' then entry, count = redis.call('LINDEX', list, place - 1), deliveries and deliveries[place] or 1 end
          if action == 'release' then count = count - 1 elseif action == 'postpone' then count = 0 end
          if delay == '0' then
            back[#back + 1] = entry
            counts[#counts + 1] = count
          else
            redis.call('ZADD', delayed, time + delay, stamp .. '.' .. at .. ':' .. count .. ':' .. entry)
          end
        end
      end
    end
    ended = ended + asked
    local letters, open = marked(state, size, places)
    if open == 0 then
      redis.call('DEL', list)
      dropLot(leases, lots, id)
    elseif asked > 0 then
      redis.call('HSET', lots, id .. '~', letters)
    end
  end
end
giveBack(queue, returned, back, counts)
if ended > 0 then countDown(lots, '#', ended) end
return lost`,
);

/**
 * Makes leases end later. KEYS: leases, lots, consumers; then of each lot its list, and one for what leaves it. ARGV: lease in ms; then of
 * each lot its id, which of its entries (`*`: all that are not over; else their places from 1, with commas), and what the id of a new lot
 * begins with. Entries whose lot has others too get a lot of their own.
 *
 * Returns number (from 1) of the lot and place (0: all) of each that is not ours any more; number of each lot that was
 * divided, and the id of the new one, where the entries stand in the order in which they were named.
 */
export const EXTEND = defineScript(
  CLOCK,
  MAY_WRITE,
  LOT,
  `
local leases, lots, consumers = KEYS[1], KEYS[2], KEYS[3]
mayWrite(leases)
local time = clock()
local leaseUntil = time + ARGV[1]
local lost, divided, seen = {}, {}, {}
for i = 2, #ARGV, 3 do
  local id, lot = ARGV[i], (i + 1) / 3
  local list, new = KEYS[2 + 2 * lot], KEYS[3 + 2 * lot]
  if not redis.call('ZSCORE', leases, id) or redis.call('EXISTS', list) == 0 then
    lost[#lost + 1] = lot
    lost[#lost + 1] = 0
  else
    local state, deliveries, size = redis.call('HGET', lots, id .. '~'), unpacked(lots, id), sizeOf(id)
    local owner = string.match(id, '^(.+)%.[%w_-]+%.%d+%.%d+$')
    if owner and not seen[owner] then
      seen[owner] = true
      redis.call('ZADD', consumers, time, owner)
    end
    local order, counts, places = {}, {}, {}
    for place in string.gmatch(ARGV[i + 1], '%d+') do
      place = tonumber(place)
      if isOver(state, place) then
        lost[#lost + 1] = lot
        lost[#lost + 1] = place
      else
        order[#order + 1] = place
        counts[#counts + 1] = deliveries and deliveries[place] or 1
        places[place] = true
      end
    end
    local letters, open = marked(state, size, places)
    if ARGV[i + 1] == '*' or open == 0 then
      redis.call('ZADD', leases, leaseUntil, id)
    elseif #order > 0 then
      for _, place in ipairs(order) do redis.call('RPUSH', new, redis.call('LINDEX', list, place - 1)) end
      local apart = ARGV[i + 2] .. '.' .. #order
      if deliveries then redis.call('HSET', lots, apart, cmsgpack.pack(counts)) end
      redis.call('ZADD', leases, leaseUntil, apart)
      redis.call('HSET', lots, id .. '~', letters)
      divided[#divided + 1] = lot
      divided[#divided + 1] = apart
    end
  end
end
return { lost, divided }`,
);
