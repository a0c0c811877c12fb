/**
 * Settles a batch as raw loops do: what is still this consumer's is acknowledged and deleted.
 * ARGV: group, consumer, ids in order.
 */
export const SETTLE = `
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[#ARGV], #ARGV, ARGV[2])
local mine = {}
for i = 1, #pending do mine[pending[i][1]] = true end
local ids = {}
for i = 3, #ARGV do if mine[ARGV[i]] then ids[#ids + 1] = ARGV[i] end end
if #ids > 0 then
  redis.call('XACK', KEYS[1], ARGV[1], unpack(ids))
  redis.call('XDEL', KEYS[1], unpack(ids))
end
return #ids`;
