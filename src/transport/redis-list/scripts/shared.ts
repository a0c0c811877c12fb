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
 * A lot: entries of the processing list that were taken together, under one lease. Its id ends in how many they were.
 * In the hash its entries stand under its id, with their deliveries where they are not all the first; and under \`<id>~\`
 * which of them are over (\`x\`), once some are.
 */
export const LOT = `
local function lease(leases, lots, id, entries, deliveries, leaseUntil)
  local packed = deliveries and cmsgpack.pack(entries, deliveries) or cmsgpack.pack(entries)
  redis.call('HSET', lots, id, packed)
  redis.call('ZADD', leases, leaseUntil, id)
end

local function readLot(lots, id)
  local found = redis.call('HMGET', lots, id, id .. '~')
  if not found[1] then return nil end
  local entries, deliveries = cmsgpack.unpack(found[1])
  return entries, found[2], deliveries
end

-- Of what another program has taken.
local function isForeign(id)
  return string.match(id, '^~%d+%.%d+%.%d+$') ~= nil
end

local function isOver(state, index)
  return state and string.byte(state, index) == 120
end

local function dropLot(leases, lots, id)
  redis.call('HDEL', lots, id, id .. '~')
  redis.call('ZREM', leases, id)
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

/**
 * Removes entries of a lot from the processing list. They stand in a row there, if nobody else has put anything into the list
 * or removed it, as its length shows: then they are cut off at the right end, where what was taken first stands, or
 * marked and swept out. Otherwise each is looked for by its text, from the end that is nearer: at the right there may be
 * much that another program has left.
 *
 * All of a row is compared: another lot may begin and end with the same texts, and its others are not ours to remove.
 *
 * \`leased\`: entries of all lots together, as long as these are among them; \`own\`: those of ours.
 * \`cut\` removes a whole lot, and tells whether it could; \`remove\` returns the places of those that were not there.
 */
export const REMOVE = `
local function rowOf(texts, leased)
  local size = #texts
  if redis.call('LLEN', processing) ~= leased then return nil end
  local at = redis.call('LPOS', processing, texts[1], 'RANK', -1)
  if not at or at < size - 1 then return nil end
  for i, text in ipairs(redis.call('LRANGE', processing, at - size + 1, at)) do
    if text ~= texts[size - i + 1] then return nil end
  end
  return at
end

local function cut(id, entries, leased)
  local size = #entries
  local at = rowOf(entries, leased)
  if not at then return false end
  if at == leased - 1 then
    redis.call('LTRIM', processing, 0, -(size + 1))
  else
    for place = at - size + 1, at do redis.call('LSET', processing, place, id) end
    redis.call('LREM', processing, -size, id)
  end
  return true
end

local function remove(id, entries, state, places, leased, own)
  local missing, texts, nth = {}, {}, {}
  for i = 1, #entries do
    if not isOver(state, i) then
      texts[#texts + 1] = entries[i]
      nth[i] = #texts
    end
  end
  -- To find the row, and to sweep it, takes as long as to look for one entry each.
  local at = #places > 2 and rowOf(texts, leased)
  if at then
    for _, place in ipairs(places) do redis.call('LSET', processing, at - nth[place] + 1, id) end
    redis.call('LREM', processing, -#places, id)
    return missing
  end
  local from = redis.call('LLEN', processing) > 2 * own and 1 or -1
  for _, place in ipairs(places) do
    if redis.call('LREM', processing, from, entries[place]) == 0 then missing[place] = true end
  end
  return missing
end`;
