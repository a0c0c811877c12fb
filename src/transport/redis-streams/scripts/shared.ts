/** Milliseconds on the server's clock: the only one that all consumers share. */
export const NOW = `
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end`;

/** Of a list of names and values in turn. */
export const FIELD = `
local function field(list, name)
  for i = 1, #list, 2 do if list[i] == name then return list[i + 1] end end
end`;

/** Finds a group, or nil; needs `field`. */
export const NEEDS_GROUP = `
local function groupOf(stream, name)
  local groups = redis.pcall('XINFO', 'GROUPS', stream)
  if groups.err then
    if string.find(groups.err, 'no such key') then return nil end
    error(groups)
  end
  for _, group in ipairs(groups) do
    if field(group, 'name') == name then return group end
  end
end`;

/** Reads an entry: frame and body in one field. Another program may have written them apart, or neither. */
export const READ_ENTRY = `
local function readEntry(entry)
  local frame, body = entry[1], ''
  local fields = entry[2]
  for i = 1, #fields, 2 do
    if fields[i] == 'e' then
      local line = string.find(fields[i + 1], '\\n', 1, true)
      if line then frame = string.sub(fields[i + 1], 1, line - 1) end
      body = string.sub(fields[i + 1], (line or 0) + 1)
    elseif fields[i] == 'm' then frame = fields[i + 1] elseif fields[i] == 'b' then body = fields[i + 1] end
  end
  return frame, body, tonumber(string.match(entry[1], '^%d+'))
end`;

/**
 * Keeps a message apart from the stream, for one subscription: ready at a time, delivered so often. One that stood in
 * the stream goes by its id there, so that it can be known that it is not done; unless it is taken, for a stream that was
 * lost and made anew may give an id again.
 */
export const HOLD = `
local function hold(waiting, bodies, states, frame, body, enqueuedAt, deliveries, readyAt, id)
  local place = id
  if not id or redis.call('HMGET', states, id)[1] then place = redis.call('HINCRBY', states, '#', 1) end
  redis.call('HSET', bodies, place, cmsgpack.pack({ frame, body, enqueuedAt }))
  redis.call('HSET', states, place, deliveries .. ':')
  redis.call('ZADD', waiting, readyAt, place)
end`;

/**
 * Only a script that has written may write more once the memory is full. Settling frees it, so it must go on:
 * this write changes nothing.
 */
export const MAY_WRITE = `
local function mayWrite(key)
  redis.call('ZREM', key, '')
end`;

/**
 * How many entries a group has not read; needs `field`. Redis 7.0 does not tell replicas and its own log how many were read, so
 * after a failover or a restart that count is too small: nothing is unread once the last was delivered, and never more
 * than there is, as where others have trimmed what was not read.
 */
export const UNREAD = `
local function unreadBy(stream, group)
  local info = redis.call('XINFO', 'STREAM', stream)
  local read, last = field(group, 'entries-read'), field(group, 'last-delivered-id')
  if last == field(info, 'last-generated-id') then return 0 end
  -- Who publishes may not read: then a group of somebody else's does not count.
  if not read then return #redis.pcall('XRANGE', stream, '(' .. last, '+', 'COUNT', 10000) end
  return math.min(field(info, 'entries-added') - read, field(info, 'length'))
end`;

/** Whether one id comes before another. */
export const BEFORE = `
local function parts(id)
  local ms, sequence = string.match(id, '^(%d+)-(%d+)$')
  return tonumber(ms), tonumber(sequence)
end

local function before(a, b)
  local aMs, aSequence = parts(a)
  local bMs, bSequence = parts(b)
  return aMs < bMs or (aMs == bMs and aSequence < bSequence)
end`;

/**
 * Frees entries. `edge`: an id before which all groups are done. `free(stream, lots, ids, retention)`: ids that
 * one group is done with just now; they go when all others are done with them too, and nothing is retained. While there are several
 * groups, what comes after the beginning of a lot stays until the edge passes it.
 */
export const FREE = `${BEFORE}
${FIELD}

local function edgeOf(stream, lots, groups)
  local edge
  local there = {}
  for _, group in ipairs(groups) do
    there[field(group, 'name')] = true
    local first
    if field(group, 'pending') > 0 then
      first = redis.call('XPENDING', stream, field(group, 'name'))[2]
    else
      local ms, sequence = string.match(field(group, 'last-delivered-id'), '^(%d+)-(%d+)$')
      first = ms .. '-' .. string.format('%.0f', sequence + 1)
    end
    if edge == nil or before(first, edge) then edge = first end
  end
  if edge == nil then return nil, nil end
  local lotted
  local all = redis.call('HGETALL', lots)
  for i = 1, #all, 2 do
    local from = there[string.match(all[i], '^%S+')] and string.match(all[i + 1], ' (%S+) ')
    if from and (lotted == nil or before(from, lotted)) then lotted = from end
  end
  if lotted and before(lotted, edge) then edge = lotted end
  return edge, lotted
end

local function free(stream, lots, ids, retention)
  if #ids == 0 or retention > 0 then return end
  local groups = redis.call('XINFO', 'GROUPS', stream)
  local edge, lotted = edgeOf(stream, lots, groups)
  if edge == nil or redis.call('XTRIM', stream, 'MINID', '=', edge) >= #ids then return end
  if #groups == 1 then
    redis.call('XDEL', stream, unpack(ids))
    return
  end
  local least, most = ids[1], ids[1]
  for _, id in ipairs(ids) do
    if before(id, least) then least = id end
    if before(most, id) then most = id end
  end
  local owed = {}
  for _, group in ipairs(groups) do
    local last = field(group, 'last-delivered-id')
    local page = redis.call('XPENDING', stream, field(group, 'name'), least, most, 1000)
    for _, one in ipairs(page) do owed[one[1]] = true end
    -- What lies beyond a full page is left for the edge to pass it.
    if #page == 1000 and before(page[1000][1], last) then last = page[1000][1] end
    for _, id in ipairs(ids) do if before(last, id) or (lotted and before(lotted, id)) then owed[id] = true end end
  end
  local done = {}
  for _, id in ipairs(ids) do if not owed[id] then done[#done + 1] = id end end
  if #done > 0 then redis.call('XDEL', stream, unpack(done)) end
end`;
