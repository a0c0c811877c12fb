import { deriveId } from '../../message/id.ts';
import type { Dialect, Fields } from './dialect.ts';
import { fieldOf, textOfFields, without } from './fields.ts';
import { pythonJson } from './python-json.ts';
import { envelopeTime, pythonTime, pythonTimeOf } from './python-time.ts';
import { members } from './raw-json.ts';
import { reasonHeaders, reasonText } from './reason.ts';
import { decoded, toSay, unread } from './speech.ts';
import type { StreamSystem } from './systems.ts';

/** What is added to a dead letter. */
const ADDED = ['final_error', 'dead_letter_at', 'original_id'];

/**
 * Events on a bus of one stream for each type. Entries have no id: it follows from what is said, which a retry of theirs,
 * added anew with a higher count, does not change.
 */
const dialect: Dialect<Fields> = {
  encode(message, { topic, now }) {
    const { event, data } = toSay(message);
    return [
      ...['type', topic],
      ...['source', event.source],
      ...['data', pythonJson(data)],
      ...['timestamp', pythonTimeOf(event.time, 'local', now)],
      ...['retry_count', '0'],
    ];
  },

  decode(fields, { topic }) {
    const data = fieldOf(fields, 'data');
    if (data === undefined) return unread(textOfFields(fields), 'the entry has no field data');
    if (members(data) === undefined) return unread(textOfFields(fields), 'its data is no JSON object');
    const source = fieldOf(fields, 'source') || 'event-bus';
    const timestamp = fieldOf(fields, 'timestamp') ?? '';
    return decoded(
      {
        id: deriveId([fieldOf(fields, 'type') ?? topic, source, data, timestamp]),
        topic,
        source,
        time: envelopeTime(timestamp, 'local'),
        data,
      },
      Number(/^\d{1,6}$/.exec(fieldOf(fields, 'retry_count') ?? '')?.[0] ?? 0),
    );
  },

  retry: (fields) => counted(fields, (count) => count + 1),

  dead(fields, { headers, place, now }) {
    return [
      ...fields,
      ...['final_error', reasonText(headers)],
      ...['dead_letter_at', pythonTime(now, 'local')],
      ...['original_id', place ?? ''],
    ];
  },

  undead(fields) {
    const error = fieldOf(fields, 'final_error');
    const headers =
      error === undefined
        ? {}
        : reasonHeaders(error, envelopeTime(fieldOf(fields, 'dead_letter_at'), 'local'));
    return { native: without(fields, ADDED), headers };
  },

  replay: (fields) => counted(fields, () => 0),
};

function counted(fields: Fields, count: (before: number) => number): Fields {
  return fields.map((value, index) =>
    fields[index - 1] === 'retry_count' && index % 2 === 1 && /^\d{1,6}$/.test(value)
      ? String(count(Number(value)))
      : value,
  );
}

export const eventBus: StreamSystem = {
  name: 'event-bus',
  dialect,
  stream: (topic) => `events:${topic}`,
  group: (topic, subscription, isFirst) => (isFirst ? `group_${topic}` : `group_${subscription}_${topic}`),
  dead: (topic) => `events:${topic}:dead_letter`,
};
