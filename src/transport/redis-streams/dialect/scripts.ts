import { defineScript } from '../../redis/script.ts';
import { IS_DUE, PUT_TIMES_BACK } from '../../redis/scripts/put-back.ts';
import { SEEN } from '../scripts/consumers.ts';
import { LOTS, RECOVER, SPREAD } from '../scripts/lots.ts';
import { depthScript } from '../scripts/operate.ts';
import { PUT_BACK, READY, SWEEP, TAKE } from '../scripts/receive.ts';
import { room } from '../scripts/send.ts';
import { END, ENDINGS } from '../scripts/settle.ts';
import { FIELD, FREE, HOLD, MAY_WRITE, NEEDS_GROUP, NOW } from '../scripts/shared.ts';

/** An entry of others: its fields as they are, in place of a body. */
const READ_FIELDS = `
local function readEntry(entry)
  return entry[1], entry[2], tonumber(string.match(entry[1], '^%d+'))
end`;

/** Finds the lease in the names that we give to consumers: those of others may end in digits, too. */
const LEASE = `
local LEASE = '@%d+%.(%d+)$'`;

/** Of a dead letter it is told all fields, as JSON. */
const BURY_FIELDS = `
local function bury(fields)
  redis.call('XADD', KEYS[6], '*', unpack(cjson.decode(fields)))
end`;

/** What has been given up is a dead letter as it is: nobody has said anything about it. */
const GIVE_UP_FIELDS = `
local function giveUp(_, fields)
  redis.call('XADD', KEYS[7], '*', unpack(fields))
end`;

export const TAKE_FIELDS = defineScript(
  NOW,
  READ_FIELDS,
  HOLD,
  MAY_WRITE,
  FREE,
  LEASE,
  LOTS,
  SPREAD,
  NEEDS_GROUP,
  RECOVER,
  SWEEP,
  PUT_TIMES_BACK,
  PUT_BACK,
  IS_DUE,
  GIVE_UP_FIELDS,
  TAKE,
  SEEN,
  READY,
);
export const SETTLE_FIELDS = defineScript(
  NOW,
  READ_FIELDS,
  HOLD,
  MAY_WRITE,
  FREE,
  LOTS,
  SPREAD,
  BURY_FIELDS,
  END,
  ENDINGS,
);

/**
 * Adds entries. KEYS: the stream, and the bodies held for each subscription. ARGV: depth limit (0: none), retention in ms,
 * then for each entry how many strings its fields are, and those. Returns the stream's length before, and index (from 0)
 * and error of each that failed; `FULL` over the limit.
 */
export const ADD_FIELDS = defineScript(
  room(1),
  `
local at, index = 3, 0
while at <= #ARGV do
  local count = tonumber(ARGV[at])
  local reply
  if room > 0 then
    reply = redis.pcall('XADD', stream, '*', unpack(ARGV, at + 1, at + count))
  else
    reply = { err = 'FULL' }
  end
  if type(reply) == 'table' then
    if string.find(reply.err, '^READONLY') then return reply end
    failures[#failures + 1] = index
    failures[#failures + 1] = reply.err
  else
    room = room - 1
  end
  at, index = at + count + 1, index + 1
end
return { length, failures }`,
);

/** Whoever wrote them. */
export const DEPTH_OF_FIELDS = depthScript("redis.call('XLEN', KEYS[5])");

/**
 * Shows dead letters, whoever wrote them, and hides them from others for a while: here dead-shown has those that are
 * hidden. KEYS: stream, dead, dead-shown. ARGV: group, most, lease in ms. Returns id and fields of each.
 */
export const SCAN_FIELDS = defineScript(
  NOW,
  FIELD,
  NEEDS_GROUP,
  `
local PAGE = 100
if groupOf(KEYS[1], ARGV[1]) == nil then return redis.error_reply('NOGROUP no group') end
local time, most = now(), tonumber(ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', time)
local letters, start = {}, '-'
while #letters < most do
  local page = redis.call('XRANGE', KEYS[2], start, '+', 'COUNT', PAGE)
  for _, entry in ipairs(page) do
    if #letters < most and not redis.call('ZSCORE', KEYS[3], entry[1]) then
      redis.call('ZADD', KEYS[3], time + ARGV[3], entry[1])
      letters[#letters + 1] = entry
    end
    start = '(' .. entry[1]
  end
  if #page < PAGE then break end
end
return letters`,
);

/**
 * KEYS: dead, dead-shown, waiting, bodies, states. ARGV: id, new frame, and fields as JSON of each. Returns 1 or 0 for
 * each.
 */
export const REPLAY_FIELDS = defineScript(
  NOW,
  HOLD,
  `
local time = now()
local outcomes = {}
for i = 1, #ARGV, 3 do
  local there = redis.call('XDEL', KEYS[1], ARGV[i])
  if there == 1 then
    hold(KEYS[3], KEYS[4], KEYS[5], ARGV[i + 1], cjson.decode(ARGV[i + 2]), time, 0, time)
    redis.call('ZREM', KEYS[2], ARGV[i])
  end
  outcomes[#outcomes + 1] = there
end
return outcomes`,
);

/** Shows dead letters again to all. KEYS: dead, dead-shown. ARGV: ids. Returns 1 or 0 for each. */
export const RELEASE_FIELDS = defineScript(`
local outcomes = {}
for i, id in ipairs(ARGV) do
  redis.call('ZREM', KEYS[2], id)
  outcomes[i] = #redis.call('XRANGE', KEYS[1], id, id)
end
return outcomes`);
