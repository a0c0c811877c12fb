/** What is still this consumer's of a batch. ARGV: group, consumer, ids in order. */
const MINE = `
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[#ARGV], #ARGV, ARGV[2])
local mine = {}
for i = 1, #pending do mine[pending[i][1]] = true end
local ids = {}
for i = 3, #ARGV do if mine[ARGV[i]] then ids[#ids + 1] = ARGV[i] end end`;

/** Settles a batch as raw loops do: what is still this consumer's is acknowledged and deleted. */
export const SETTLE = `${MINE}
if #ids > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ids))
  redis.call('XDEL', KEYS[1], unpack(ids))
end
return #ids`;

/**
 * The same, but the stream is trimmed up to the first entry that is still pending, or else behind the batch: a
 * little cheaper, where there is one group and what is settled late may stay a while.
 */
export const SETTLE_AND_TRIM = `${MINE}
if #ids > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ids))
  local first = redis.call('XPENDING', KEYS[1], ARGV[1])[2]
  if not first then
    local ms, seq = string.match(ids[#ids], '(%d+)-(%d+)')
    first = ms .. '-' .. string.format('%d', seq + 1)
  end
  redis.call('XTRIM', KEYS[1], 'MINID', first)
end
return #ids`;
