import { defineScript } from '../../redis/script.ts';
import { CLOCK, GIVE_BACK, LOT, MAY, MAY_WRITE, REMOVE } from './shared.ts';

/**
 * Ends deliveries. KEYS: queue, processing, dead, delayed, leases, lots, returned. ARGV for each lot: its id; which of its entries are
 * acknowledged (\`*\`: all; else their places from 1, with commas); how many endings follow, and of each: place, action,
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
local queue, processing, dead, delayed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local leases, lots, returned = KEYS[5], KEYS[6], KEYS[7]`,
  REMOVE,
  `
local refused = refusal('LREM', processing, 0, '')
  or refusal('LPUSH', dead, '')
  or refusal('RPUSH', queue, '')
  or refusal('ZADD', delayed, 0, '')
  or refusal('HSET', returned, '', '')
if refused then return refused end
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
  local first = i + 3
  lot = lot + 1
  i = first + 4 * others
  local leased = own + foreign - ended
  local entries, state, deliveries = readLot(lots, id)
  if entries == nil then
    lose(lot, 0)
  elseif acks == '*' and not state and cut(id, entries, leased) then
    ended = ended + #entries
    dropLot(leases, lots, id)
  else
    local wanted, marks = {}, {}
    local function want(place)
      if isOver(state, place) or marks[place] then
        lose(lot, place)
      else
        wanted[#wanted + 1] = place
        marks[place] = true
      end
    end
    if acks == '*' then
      for place = 1, #entries do want(place) end
    else
      for place in string.gmatch(acks, '%d+') do want(tonumber(place)) end
    end
    for at = first, i - 1, 4 do want(tonumber(ARGV[at])) end
    local missing = remove(id, entries, state, wanted, leased, own - ended)
    for place in pairs(missing) do lose(lot, place) end
    for at = first, i - 1, 4 do
      local place, action, delay, text = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
      if marks[place] and not missing[place] then
        local entry, count = entries[place], deliveries and deliveries[place] or 1
        if action == 'deadLetter' then
          redis.call('LPUSH', dead, text)
        else
          if action == 'release' then count = count - 1 elseif text ~= '' then entry, count = text, 0 end
          if delay == '0' then
            back[#back + 1] = entry
            counts[#counts + 1] = count
          else
            redis.call('ZADD', delayed, time + delay, stamp .. '.' .. at .. ':' .. count .. ':' .. entry)
          end
        end
      end
    end
    ended = ended + #wanted
    local letters, open = {}, 0
    for place = 1, #entries do
      local over = marks[place] or isOver(state, place)
      letters[place] = over and 'x' or 'o'
      if not over then open = open + 1 end
    end
    if open == 0 then
      dropLot(leases, lots, id)
    elseif #wanted > 0 then
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
