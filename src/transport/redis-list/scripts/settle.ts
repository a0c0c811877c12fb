import { defineScript } from '../../redis/script.ts';
import { CLOCK, GIVE_BACK, LOT, MAY_WRITE } from './shared.ts';

/**
 * Removes entries from the processing list, each once, and returns the places of those that are not there. What was taken
 * first stands at the right end, and is done first as a rule: then it is cut off. Otherwise each is looked for, from
 * the end that is nearer: at the right there may be much that another program has left.
 */
const REMOVE = `
local function remove(entries, own)
  local missing, same = {}, 0
  if redis.call('LINDEX', processing, -1) == entries[1] then
    local tail = redis.call('LRANGE', processing, -#entries, -1)
    while same < #tail and tail[#tail - same] == entries[same + 1] do same = same + 1 end
    redis.call('LTRIM', processing, 0, -(same + 1))
  end
  if same == #entries then return missing end
  local from = redis.call('LLEN', processing) > 2 * own and 1 or -1
  for i = same + 1, #entries do
    if redis.call('LREM', processing, from, entries[i]) == 0 then missing[#missing + 1] = i end
  end
  return missing
end`;

/**
 * Removes a whole lot without reading it: its entries stand in a row, if nobody else has put anything into the processing
 * list or removed it there, as its length shows. At the right end it is cut off, elsewhere marked and swept out.
 */
const CUT = `
local function cut(id, leased)
  local size = tonumber(string.match(id, '%d+$'))
  local ends = redis.call('HMGET', lots, id .. '<', id .. '>', id .. '~')
  local first, last = ends[1], ends[2]
  if not first or ends[3] or redis.call('LLEN', processing) ~= leased then return false end
  if redis.call('LINDEX', processing, -1) == first and redis.call('LINDEX', processing, -size) == last then
    redis.call('LTRIM', processing, 0, -(size + 1))
    return true
  end
  local at = redis.call('LPOS', processing, first, 'RANK', -1)
  if not at or at < size - 1 or redis.call('LINDEX', processing, at - size + 1) ~= last then return false end
  for place = at - size + 1, at do redis.call('LSET', processing, place, id) end
  redis.call('LREM', processing, -size, id)
  return true
end`;

/**
 * Ends deliveries. KEYS: queue, processing, dead, delayed, leases, lots, returned. ARGV for each lot: its id; which of its entries are
 * acknowledged (\`*\`: all; else their places from 1, with commas); how many endings follow, and of each: place, action,
 * delay in ms, and the entry as it is from now on, empty where it stays as it is.
 *
 * Returns number (from 1) of the lot and place (0: all that was asked) of each delivery that is not ours any more.
 */
export const SETTLE = defineScript(
  CLOCK,
  MAY_WRITE,
  LOT,
  GIVE_BACK,
  `
local queue, processing, dead, delayed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local leases, lots, returned = KEYS[5], KEYS[6], KEYS[7]`,
  REMOVE,
  CUT,
  `
mayWrite(leases)
-- Nothing may fail once something has moved: these do where a key is not what it should be.
redis.call('LLEN', queue)
redis.call('LLEN', processing)
redis.call('LLEN', dead)
redis.call('ZCARD', delayed)
redis.call('HLEN', returned)
local time, stamp = clock()
local held = redis.call('HMGET', lots, '#', '#~')
local own, foreign = tonumber(held[1] or 0), tonumber(held[2] or 0)
local lost, back, counts, ended = {}, {}, {}, 0

local function lose(lot, place)
  lost[#lost + 1] = lot
  lost[#lost + 1] = place
end

local i, lot = 1, 0
while i <= #ARGV do
  local id, acks, others = ARGV[i], ARGV[i + 1], tonumber(ARGV[i + 2])
  lot = lot + 1
  i = i + 3
  local entries, state, deliveries
  local whole = acks == '*' and cut(id, own + foreign - ended)
  if whole then
    ended = ended + string.match(id, '%d+$')
    dropLot(leases, lots, id)
  else
    entries, state, deliveries = readLot(lots, id)
  end
  if entries == nil then
    if not whole then lose(lot, 0) end
    i = i + 4 * others
  else
    local over = 0
    local marks = {}
    local function finish(place)
      marks[place] = true
      over = over + 1
    end
    local places, wanted = {}, {}
    local function want(place)
      if isOver(state, place) then
        lose(lot, place)
      else
        places[#places + 1] = place
        wanted[#wanted + 1] = entries[place]
        finish(place)
      end
    end
    if acks == '*' then
      for place = 1, #entries do want(place) end
    else
      for place in string.gmatch(acks, '%d+') do want(tonumber(place)) end
    end
    if #wanted > 0 then
      for _, missing in ipairs(remove(wanted, own)) do lose(lot, places[missing]) end
    end
    for _ = 1, others do
      local place, action, delay, text = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
      i = i + 4
      local entry = entries[place]
      if isOver(state, place) or marks[place] then
        lose(lot, place)
      else
        finish(place)
        local count = deliveries and deliveries[place] or 1
        if #remove({ entry }, own) == 1 then
          lose(lot, place)
        elseif action == 'deadLetter' then
          redis.call('LPUSH', dead, text)
        else
          if action == 'release' then count = count - 1 elseif text ~= '' then entry, count = text, 0 end
          if delay == '0' then
            back[#back + 1] = entry
            counts[#counts + 1] = count
          else
            redis.call('ZADD', delayed, time + delay, stamp .. '.' .. i .. ':' .. count .. ':' .. entry)
          end
        end
      end
    end
    ended = ended + over
    local _, before = string.gsub(state or '', 'x', '')
    if over + before >= #entries then
      dropLot(leases, lots, id)
    elseif over > 0 then
      local letters = {}
      for place = 1, #entries do letters[place] = (marks[place] or isOver(state, place)) and 'x' or 'o' end
      redis.call('HSET', lots, id .. '~', table.concat(letters))
    end
  end
end
giveBack(queue, returned, back, counts)
if ended > 0 then redis.call('HINCRBY', lots, '#', -ended) end
return lost`,
);

/**
 * Makes leases end later. KEYS: leases, lots, consumers. ARGV: lease in ms, a number for new lots; then of each lot its id and
 * which of its entries (\`*\`: all that are not over; else their places from 1, with commas). Entries whose lot has others too
 * get a lot of their own.
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
for i = 3, #ARGV, 2 do
  local id, lot = ARGV[i], (i - 1) / 2
  local entries, state, deliveries = readLot(lots, id)
  if entries == nil then
    lost[#lost + 1] = lot
    lost[#lost + 1] = 0
  else
    local owner = string.match(id, '^(.+)%.[%w_-]+%.%d+%.%d+%.%d+$')
    if owner and not seen[owner] then
      seen[owner] = true
      redis.call('ZADD', consumers, time, owner)
    end
    local chosen, counts, marks = {}, {}, {}
    for place in string.gmatch(ARGV[i + 1], '%d+') do
      place = tonumber(place)
      if isOver(state, place) then
        lost[#lost + 1] = lot
        lost[#lost + 1] = place
      else
        chosen[#chosen + 1] = entries[place]
        counts[#counts + 1] = deliveries and deliveries[place] or 1
        marks[place] = true
      end
    end
    local _, before = string.gsub(state or '', 'x', '')
    if ARGV[i + 1] == '*' or #chosen + before == #entries then
      redis.call('ZADD', leases, leaseUntil, id)
    elseif #chosen > 0 then
      local new = string.match(id, '^(.*%.)%d+%.%d+%.%d+$') .. ARGV[2] .. '.' .. lot .. '.' .. #chosen
      lease(leases, lots, new, chosen, counts, leaseUntil)
      local letters = {}
      for place = 1, #entries do letters[place] = (marks[place] or isOver(state, place)) and 'x' or 'o' end
      redis.call('HSET', lots, id .. '~', table.concat(letters))
      divided[#divided + 1] = lot
      divided[#divided + 1] = new
    end
  end
end
return { lost, divided }`,
);
