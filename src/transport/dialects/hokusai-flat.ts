import { deriveId } from '../../message/id.ts';
import type { Dialect } from './dialect.ts';
import { hokusaiQueue, readHokusaiDeadLetter } from './hokusai.ts';
import { MODEL_READY, presentOnly, readAnnouncement, writeAnnouncement } from './hokusai-payload.ts';
import { envelopeTime } from './python-time.ts';
import { countOf, members, objectOf, stringOf } from './raw-json.ts';
import { reasonText } from './reason.ts';
import { decoded, toSay, unread, unsayable } from './speech.ts';
import type { ListSystem } from './systems.ts';

const RETRIES = '_retryCount';

/**
 * The same announcements as their deployer reads them: not nested, symbols in capitals. They have no id: it follows from what
 * is said.
 */
const dialect: Dialect<string> = {
  encode(message, { topic, now }) {
    const { event, data } = toSay(message);
    const said = members(data);
    if (topic !== MODEL_READY || said === undefined) return data;
    const time = Number.isNaN(Date.parse(event.time)) ? new Date(now).toISOString() : event.time;
    const flat = presentOnly(members(writeAnnouncement(said, time)) ?? said);
    const symbol = stringOf(flat.get('token_symbol'))?.toUpperCase() ?? '';
    if (!/^[A-Z0-9-]{1,10}$/.test(symbol)) {
      throw unsayable(
        message.id,
        'token_symbol has more than 10 characters, or others than letters, digits and "-"',
      );
    }
    if (!flat.has('mlflow_run_id')) throw unsayable(message.id, 'mlflow_run_id is missing');
    if (!(Number(flat.get('improvement_percentage')) > 0)) {
      throw unsayable(message.id, 'improvement_percentage is not above 0');
    }
    return objectOf(flat.set('token_symbol', JSON.stringify(symbol)));
  },

  decode(text, { topic }) {
    const found = members(text);
    if (found === undefined) return unread(text, 'the entry is no JSON object');
    const flat = new Map(found);
    const retries = countOf(flat.get(RETRIES));
    flat.delete(RETRIES);
    const id = deriveId([objectOf(flat)]);
    const symbol = topic === MODEL_READY ? stringOf(flat.get('token_symbol')) : undefined;
    if (symbol !== undefined) flat.set('token_symbol', JSON.stringify(symbol.toLowerCase()));
    return decoded(
      {
        id,
        topic,
        source: 'hokusai',
        time: envelopeTime(stringOf(flat.get('timestamp')), 'utc'),
        data: objectOf(topic === MODEL_READY ? readAnnouncement(flat) : flat),
      },
      retries,
    );
  },

  retry(text) {
    const flat = members(text);
    if (flat === undefined) return text;
    return objectOf(new Map(flat).set(RETRIES, String((countOf(flat.get(RETRIES)) ?? 0) + 1)));
  },

  dead(text, { headers, queue, now }) {
    const nested = members(text) === undefined ? JSON.stringify(text) : text;
    return objectOf([
      ['originalMessage', nested],
      ['error', JSON.stringify(reasonText(headers))],
      ['timestamp', JSON.stringify(new Date(now).toISOString())],
      ['queue', JSON.stringify(queue)],
    ]);
  },

  undead: readHokusaiDeadLetter,

  replay(text) {
    const flat = new Map(members(text));
    return flat.delete(RETRIES) ? objectOf(flat) : text;
  },
};

export const hokusaiFlat: ListSystem = {
  name: 'hokusai-flat',
  dialect,
  names(topic) {
    const queue = hokusaiQueue(topic);
    return topic === MODEL_READY
      ? { queue, processing: 'hokusai:processing_queue', dlq: 'hokusai:dlq' }
      : { queue, processing: `${queue}:processing`, dlq: `${queue}:dlq` };
  },
};
