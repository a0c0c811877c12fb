/**
 * What stands in sorted sets by its time is put back by so many ms, as the server's clock was: it would wait for as long
 * besides. In pages, for members may be large; all that is put back keeps its place.
 */
export const PUT_TIMES_BACK = `
local function putTimesBack(keys, by)
  for _, key in ipairs(keys) do
    for at = 0, redis.call('ZCARD', key) - 1, 100 do
      local page = redis.call('ZRANGE', key, at, at + 99, 'WITHSCORES')
      for i = 1, #page, 2 do redis.call('ZADD', key, page[i + 1] - by, page[i]) end
    end
  end
end`;

/**
 * Whether to look for what was abandoned: who has done so last was so many ms ago, or by a clock that has been put back
 * since; then it also answers by how much.
 */
export const IS_DUE = `
local function isDue(swept, time, every)
  if every == '0' then return false end
  local last = tonumber(redis.call('SET', swept, time, 'NX', 'GET') or 0)
  if time >= last and time < last + every then return false end
  redis.call('SET', swept, time)
  return true, last - time
end`;
