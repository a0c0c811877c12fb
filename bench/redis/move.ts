/** Moves the oldest entries of a list to that of what is in process, and returns them. ARGV: how many. */
export const MOVE = `
local found = redis.call('LRANGE', KEYS[1], -ARGV[1], -1)
if #found == 0 then return found end
local entries = {}
for i = #found, 1, -1 do entries[#entries + 1] = found[i] end
redis.call('LTRIM', KEYS[1], 0, -(#found + 1))
redis.call('LPUSH', KEYS[2], unpack(entries))
return entries`;

/** Ends entries, as raw loops do: each by its text. */
export const REMOVE = `
for i = 1, #ARGV do redis.call('LREM', KEYS[1], -1, ARGV[i]) end
return #ARGV`;

/** Moves the oldest entries of a list, as a whole, to one of its own, and returns how many. ARGV: how many. */
export const MOVE_WHOLE = `
local count = redis.call('SORT', KEYS[1], 'BY', 'nosort', 'DESC', 'LIMIT', 0, ARGV[1], 'STORE', KEYS[2])
if count > 0 then redis.call('LTRIM', KEYS[1], 0, -(count + 1)) end
return count`;
