import { defineScript } from '../../redis/script.ts';
import { CLOCK, NO_QUEUE, THERE } from './shared.ts';

/**
 * Adds messages, a copy for each subscription. KEYS: lots, queue, processing and delayed of each subscription. ARGV:
 * depth limit (0: none); how many entries are for all of them, and those; then for each other copy: its message's index, its
 * subscription's (both from 0), delay in ms, entry.
 *
 * Returns the server's time; how many of those for all had room, for those beyond are refused; index and error of each
 * subscription that did not take them; index, subscription and error (\`FULL\` over the limit) of each other copy that
 * failed.
 */
export const SEND = defineScript(
  CLOCK,
  THERE,
  `
for i = 1, #KEYS, 4 do
  if not there(KEYS[i]) then return redis.error_reply('${NO_QUEUE} ' .. KEYS[i + 1]) end
end
local limit, count = tonumber(ARGV[1]), tonumber(ARGV[2])
local time, stamp = clock()
local rooms, room = {}, math.huge
for i = 1, #KEYS, 4 do
  local own = math.huge
  if limit > 0 then
    local undone = redis.call('LLEN', KEYS[i + 1]) + redis.call('LLEN', KEYS[i + 2]) + redis.call('ZCARD', KEYS[i + 3])
      + redis.call('HGET', KEYS[i], '#')
    own = math.max(0, limit - undone)
  end
  rooms[#rooms + 1] = own
  room = math.min(room, own)
end
local taken = math.min(count, room)
local refused = {}
if taken > 0 then
  for subscription = 1, #rooms do
    local reply = redis.pcall('LPUSH', KEYS[subscription * 4 - 2], unpack(ARGV, 3, 2 + taken))
    if type(reply) == 'table' then
      -- It concerns the server, not the queue.
      if string.find(reply.err, '^READONLY') then return reply end
      refused[#refused + 1] = subscription - 1
      refused[#refused + 1] = reply.err
    else
      rooms[subscription] = rooms[subscription] - taken
    end
  end
end
local failures = {}
for i = 3 + count, #ARGV, 4 do
  local subscription, delay, entry = ARGV[i + 1] + 1, ARGV[i + 2], ARGV[i + 3]
  local reply
  if rooms[subscription] <= 0 then
    reply = { err = 'FULL' }
  elseif delay == '0' then
    reply = redis.pcall('LPUSH', KEYS[subscription * 4 - 2], entry)
  else
    reply = redis.pcall('ZADD', KEYS[subscription * 4], time + delay, stamp .. '.' .. i .. ':0:' .. entry)
  end
  if type(reply) == 'table' then
    if string.find(reply.err, '^READONLY') then return reply end
    failures[#failures + 1] = tonumber(ARGV[i])
    failures[#failures + 1] = subscription - 1
    failures[#failures + 1] = reply.err
  else
    rooms[subscription] = rooms[subscription] - 1
  end
end
return { time, taken, refused, failures }`,
);
