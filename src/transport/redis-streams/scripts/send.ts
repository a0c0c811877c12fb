import { defineScript } from '../../redis/script.ts';
import { FIELD, HOLD, NOW, UNREAD } from './shared.ts';

/**
 * Begins to add to the stream KEYS[1], with depth limit and retention as the first two of ARGV. The backlog are messages that
 * are not done: with retention, done ones still stand in the stream, and those held apart are the bodies in KEYS[2] and what
 * comes `each` after it.
 */
export const room = (each: number): string => `${FIELD}
${UNREAD}

local function backlog(stream, retention)
  if retention == 0 then return redis.call('XLEN', stream) end
  local most = 0
  for _, group in ipairs(redis.call('XINFO', 'GROUPS', stream)) do
    most = math.max(most, unreadBy(stream, group) + field(group, 'pending'))
  end
  return most
end

local stream = KEYS[1]
local limit = tonumber(ARGV[1])
local length = redis.call('XLEN', stream)
if length == 0 and redis.call('EXISTS', stream) == 0 then return redis.error_reply('NOGROUP no stream') end
local room = math.huge
if limit > 0 then
  room = limit - backlog(stream, tonumber(ARGV[2]))
  for i = 2, #KEYS, ${each} do room = room - redis.call('HLEN', KEYS[i]) end
end
local failures = {}`;

/**
 * Adds messages for all subscriptions. KEYS: the stream, and the bodies held for each subscription. ARGV: depth
 * limit (0: none), retention in ms, then the text of each entry. Returns the stream's length before, and index
 * (from 0) and error of each that failed; `FULL` over the limit.
 */
export const ADD = defineScript(
  room(1),
  `
for i = 3, #ARGV do
  local reply
  if room > 0 then
    reply = redis.pcall('XADD', stream, '*', 'e', ARGV[i])
  else
    reply = { err = 'FULL' }
  end
  if type(reply) == 'table' then
    -- It concerns the server, not the message.
    if string.find(reply.err, '^READONLY') then return reply end
    failures[#failures + 1] = i - 3
    failures[#failures + 1] = reply.err
  else
    room = room - 1
  end
end
return { length, failures }`,
);

/**
 * Adds messages that are delayed, or for some subscriptions only. KEYS: the stream, then bodies, waiting and states of each
 * subscription. ARGV: depth limit, retention in ms, then for each copy: its message's index, its subscription's (both from 0),
 * delay in ms, frame, body. Returns index, subscription and error of each copy that failed.
 */
export const ADD_APART = defineScript(
  NOW,
  HOLD,
  room(3),
  `
local time = now()
for i = 3, #ARGV, 5 do
  local key = 2 + ARGV[i + 1] * 3
  local stored, problem
  if room > 0 then
    stored, problem = pcall(hold, KEYS[key + 1], KEYS[key], KEYS[key + 2], ARGV[i + 3], ARGV[i + 4], time, 0, time + ARGV[i + 2])
  else
    stored, problem = false, 'FULL'
  end
  if stored then
    room = room - 1
  else
    problem = type(problem) == 'table' and problem.err or problem
    if string.find(problem, '^READONLY') then return { err = problem } end
    failures[#failures + 1] = tonumber(ARGV[i])
    failures[#failures + 1] = tonumber(ARGV[i + 1])
    failures[#failures + 1] = problem
  end
end
return failures`,
);
