import type { Outgoing } from '../transport.ts';
import type { Dialect } from './dialect.ts';
import { MODEL_READY, readAnnouncement, writeAnnouncement } from './hokusai-payload.ts';
import { pythonJson } from './python-json.ts';
import { envelopeTime, pythonTime, pythonTimeOf } from './python-time.ts';
import { countOf, members, objectOf, stringOf } from './raw-json.ts';
import { reasonHeaders, reasonText } from './reason.ts';
import { decoded, toSay, unread } from './speech.ts';
import type { ListSystem } from './systems.ts';

/** How often they try again before they give up. */
const MAX_RETRIES = 3;

/**
 * Announcements in an envelope of their own, on lists. They read it into an object that takes no other names, so there is
 * nothing in it beyond what they have.
 */
const dialect: Dialect<string> = {
  encode(message, { topic, now }) {
    const { event } = toSay(message);
    return pythonJson(
      objectOf([
        ['message_id', JSON.stringify(event.id)],
        ['message_type', JSON.stringify(topic)],
        ['payload', payloadOf(message, topic, now)],
        ['timestamp', JSON.stringify(pythonTimeOf(event.time, 'utc', now))],
        ['retry_count', '0'],
        ['max_retries', String(MAX_RETRIES)],
      ]),
    );
  },

  decode(text, { topic }) {
    const envelope = members(text);
    const id = stringOf(envelope?.get('message_id'));
    const payload = members(envelope?.get('payload') ?? '');
    if (!id || payload === undefined) {
      return unread(text, 'the entry is no JSON object with message_id and payload');
    }
    return decoded(
      {
        id,
        topic,
        source: 'hokusai',
        time: envelopeTime(stringOf(envelope?.get('timestamp')), 'utc'),
        data: objectOf(topic === MODEL_READY ? readAnnouncement(payload) : payload),
      },
      countOf(envelope?.get('retry_count')),
    );
  },

  retry: (text) => counted(text, (count) => count + 1),

  dead: (text, { headers, queue, now }) =>
    pythonJson(
      JSON.stringify({
        original_message: text,
        error: reasonText(headers),
        failed_at: pythonTime(now, 'utc'),
        original_queue: queue,
      }),
    ),

  undead: readHokusaiDeadLetter,

  replay: (text) => counted(text, () => 0),
};

function counted(text: string, next: (count: number) => number): string {
  const envelope = members(text);
  const count = countOf(envelope?.get('retry_count'));
  if (envelope === undefined || count === undefined) return text;
  return pythonJson(objectOf(new Map(envelope).set('retry_count', String(next(count)))));
}

/** What is published beside the queue, to whoever listens: the payload alone. */
function payloadOf(message: Outgoing, topic: string, now: number): string {
  const { event, data } = toSay(message);
  const said = members(data);
  const payload =
    topic === MODEL_READY && said !== undefined
      ? writeAnnouncement(said, pythonTimeOf(event.time, 'utc', now))
      : data;
  return pythonJson(payload);
}

export const hokusai: ListSystem = {
  name: 'hokusai',
  dialect,
  names(topic) {
    const queue = hokusaiQueue(topic);
    return { queue, processing: `${queue}:processing`, dlq: `${queue}:dlq` };
  },
  notice: (message, { topic, now }) => payloadOf(message, topic, now),
};

export function hokusaiQueue(topic: string): string {
  return `hokusai:${topic === MODEL_READY ? 'model_ready' : topic}_queue`;
}

/**
 * Reads all that stands in their queues of dead letters: a record with the text as it was, one of their other consumer
 * with the message in it, or a message that was only moved there.
 */
export function readHokusaiDeadLetter(text: string): ReturnType<Dialect<string>['undead']> {
  const record = members(text);
  const original = stringOf(record?.get('original_message'));
  const error = stringOf(record?.get('error'));
  if (original !== undefined && error !== undefined) {
    const at = envelopeTime(stringOf(record?.get('failed_at')), 'utc');
    return { native: original, headers: reasonHeaders(error, at) };
  }
  const nested = record?.get('originalMessage');
  if (nested !== undefined && error !== undefined) {
    const at = envelopeTime(stringOf(record?.get('timestamp')), 'utc');
    return { native: stringOf(nested) ?? nested, headers: reasonHeaders(error, at) };
  }
  return { native: text, headers: {} };
}
