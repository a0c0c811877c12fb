/** Milliseconds on the server's clock, and a text that no other script has had at its time. */
export const CLOCK = `
local function clock()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000), time[1] .. string.format('%06d', time[2])
end`;

/** Whether the queue has been provisioned, and not been lost since. */
export const THERE = `
local function there(lots)
  return redis.call('HEXISTS', lots, '#') == 1
end`;

/** What a script answers, as an error, where the queue is not there. */
export const NO_QUEUE = 'NOQUEUE';

/**
 * Only a script that has written may write more once the memory is full. Settling frees it, so it must go on:
 * this write changes nothing.
 */
export const MAY_WRITE = `
local function mayWrite(key)
  redis.call('ZREM', key, '')
end`;

/**
 * Redis asks for the rights to each command of a script by itself, and takes nothing back of what was done before one is
 * refused. So a script asks for all that it moves entries with before it moves any.
 */
export const MAY = `
local function refusal(command, key, ...)
  if redis.acl_check_cmd(command, key, ...) then return nil end
  return redis.error_reply('NOPERM this user may not ' .. command .. ' ' .. key)
end`;

/**
 * A lot: entries that were taken together, under one lease. Its id ends in how many they were, and stands among the leases by when
 * that is over. The entries stand in a list of its own, the oldest first, so that no script has to read or write them to take or to
 * end them; who consumes names it. In the hash of lots stands under the id how often each was delivered, where it is not for all the
 * first time; and under `<id>~` which of them are over (`x`), once some are.
 *
 * What another program has taken stands in the processing list, and the entries of its lots in the hash, under ids of their own.
 */
export const LOT = `
local function sizeOf(id)
  return tonumber(string.match(id, '%d+$'))
end

local function isForeign(id)
  return string.match(id, '^~%d+%.%d+%.%d+$') ~= nil
end

-- What stands under its id.
local function unpacked(lots, id)
  local packed = redis.call('HGET', lots, id)
  return packed and cmsgpack.unpack(packed)
end

local function isOver(state, index)
  return state and string.byte(state, index) == 120
end

-- Which entries are over from now on; and how many are not.
local function marked(state, size, places)
  local letters, open = {}, size
  for place = 1, size do
    local over = places[place] or isOver(state, place)
    letters[place] = over and 'x' or 'o'
    if over then open = open - 1 end
  end
  return table.concat(letters), open
end

local function dropLot(leases, lots, id)
  redis.call('HDEL', lots, id, id .. '~')
  redis.call('ZREM', leases, id)
end

-- So many of those in flight are no more. Not below none, where the count itself was lost.
local function countDown(lots, field, count)
  if redis.call('HINCRBY', lots, field, -count) < 0 then redis.call('HSET', lots, field, 0) end
end`;

/** How many entries of lots are not over, without reading the entries. */
export const OPEN = `
local function openOf(lots, ids)
  local counts = {}
  for start = 1, #ids, 500 do
    local fields = {}
    for i = start, math.min(#ids, start + 499) do fields[#fields + 1] = ids[i] .. '~' end
    for i, state in ipairs(redis.call('HMGET', lots, unpack(fields))) do
      local size = tonumber(string.match(fields[i], '(%d+)~$'))
      local _, over = string.gsub(state or '', 'x', '')
      counts[#counts + 1] = size - over
    end
  end
  return counts
end`;

/**
 * Puts entries to where they are taken next, the first of them first, and notes how often each was delivered. Two may
 * be the same: their counts are kept in a row.
 */
export const GIVE_BACK = `
local function noteDeliveries(returned, entry, count)
  if count == 0 then return end
  local known = redis.call('HGET', returned, entry)
  redis.call('HSET', returned, entry, known and known .. ',' .. count or count)
end

local function giveBack(queue, returned, entries, deliveries)
  if #entries == 0 then return end
  local reversed = {}
  for i = #entries, 1, -1 do
    reversed[#reversed + 1] = entries[i]
    noteDeliveries(returned, entries[i], deliveries[i])
  end
  redis.call('RPUSH', queue, unpack(reversed))
end`;
