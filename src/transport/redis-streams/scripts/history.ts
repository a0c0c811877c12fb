import { defineScript } from '../../redis/script.ts';
import { BEFORE, FIELD, HOLD, NEEDS_GROUP, NOW, READ_ENTRY } from './shared.ts';

/** Nobody else is served while a script moves bodies: the one that goes beyond so many bytes is the last. */
const MOST_BYTES = 8 * 1_048_576;

/** Whether a subscription is not done with an entry: not read, in flight, or held apart under the entry's id. */
const UNDONE = `
local function undone(stream, states, group, id)
  if before(field(group, 'last-delivered-id'), id) then return true end
  if field(group, 'pending') > 0 and #redis.call('XPENDING', stream, field(group, 'name'), id, id, 1) == 1 then
    return true
  end
  return redis.call('HMGET', states, id)[1] ~= false
end`;

/**
 * Reads what a group has been handed. KEYS: stream, states. ARGV: group, first id, last id (as XRANGE takes them),
 * most. Bodies stay where they are; few are looked at together.
 * Returns of each: id, frame, 1 where it is not done. Fewer than there are where their bodies are large.
 */
export const READ_HISTORY = defineScript(
  READ_ENTRY,
  BEFORE,
  FIELD,
  NEEDS_GROUP,
  UNDONE,
  `
local FEW = 8
local stream, start = KEYS[1], ARGV[2]
local group = groupOf(stream, ARGV[1])
if group == nil then return redis.error_reply('NOGROUP no group') end
local messages, left, bytes = {}, tonumber(ARGV[4]), 0
while left > 0 and bytes < ${MOST_BYTES} do
  local entries = redis.call('XRANGE', stream, start, ARGV[3], 'COUNT', math.min(FEW, left))
  for _, entry in ipairs(entries) do
    local id = entry[1]
    -- The rest has not been handed over yet.
    if before(field(group, 'last-delivered-id'), id) then return messages end
    local frame, body = readEntry(entry)
    bytes = bytes + #body
    messages[#messages + 1] = { id, frame, undone(stream, KEYS[2], group, id) and 1 or 0 }
    start = '(' .. id
  end
  if #entries < FEW then break end
  left = left - #entries
end
return messages`,
);

/**
 * Gives entries to one subscription once more. KEYS: stream, waiting, bodies, states. ARGV: group, then id and new
 * frame of each. Returns for each 1; 2 where it is not done; 0 where it is gone. The answers are fewer where bodies are
 * large: the rest is asked for again.
 */
export const REPLAY_HISTORY = defineScript(
  NOW,
  READ_ENTRY,
  BEFORE,
  FIELD,
  NEEDS_GROUP,
  HOLD,
  UNDONE,
  `
local stream, states = KEYS[1], KEYS[4]
local group = groupOf(stream, ARGV[1])
if group == nil then return redis.error_reply('NOGROUP no group') end
local time = now()
local outcomes, bytes = {}, 0
for i = 2, #ARGV, 2 do
  local id, outcome = ARGV[i], 0
  if undone(stream, states, group, id) then
    outcome = 2
  else
    local entry = redis.call('XRANGE', stream, id, id)[1]
    if entry then
      local _, body = readEntry(entry)
      hold(KEYS[2], KEYS[3], states, ARGV[i + 1], body, time, 0, time, id)
      outcome = 1
      bytes = bytes + #body
    end
  end
  outcomes[#outcomes + 1] = outcome
  if bytes >= ${MOST_BYTES} then break end
end
return outcomes`,
);
