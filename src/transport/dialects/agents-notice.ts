import { deriveId } from '../../message/id.ts';
import type { NoticeWording } from '../redis/broadcast.ts';
import type { Notice } from '../transport.ts';
import {
  type AgentsOptions,
  BROADCAST,
  isMoment,
  MESSAGE_TYPES,
  oneOf,
  PRIORITIES,
  timeOf,
} from './agents.ts';
import { floatRepr, pythonJson } from './python-json.ts';
import { members, objectOf, stringOf } from './raw-json.ts';
import { bodyOf, textOf, toSay } from './speech.ts';

/** What is said on the channel of an agent, and on that of all: under shorter names than in a stream, and not signed. */
export function noticeWording(options: AgentsOptions): NoticeWording {
  return {
    channel: (topic) => (topic === BROADCAST ? BROADCAST : `agent:${topic}`),
    write: (notice, topic) => writeNotice(notice, options, { topic, now: Date.now() }),
    read: readNotice,
  };
}

function writeNotice(
  notice: Notice,
  { type = 'event' }: AgentsOptions,
  { topic, now }: { readonly topic: string; readonly now: number },
): string {
  const { event, data } = toSay(notice);
  const said = Date.parse(event.time);
  const ms = Number.isNaN(said) ? now : said;
  const ttl = Math.round((Date.parse(textOf(event['expirytime']) ?? '') - ms) / 1_000);
  return pythonJson(
    objectOf([
      ['id', JSON.stringify(event.id)],
      ['from', JSON.stringify(event.source)],
      ['to', JSON.stringify(topic)],
      ['type', JSON.stringify(oneOf(MESSAGE_TYPES, event['messagetype']) ?? type)],
      ['payload', data],
      ['timestamp', floatRepr(ms / 1_000)],
      ['priority', JSON.stringify(oneOf(PRIORITIES, event['priority']) ?? 'normal')],
      ['ttl', ttl > 0 ? String(ttl) : 'null'],
      ['correlation_id', JSON.stringify(event.correlationid ?? null)],
      ['acknowledgment_required', 'false'],
    ]),
  );
}

/** What is none is its text as it is, which no contract accepts. */
function readNotice(text: string, topic: string): Notice {
  const notice = members(text);
  const id = stringOf(notice?.get('id'));
  const source = stringOf(notice?.get('from'));
  const data = notice?.get('payload') ?? '';
  const seconds = Number(notice?.get('timestamp') ?? Number.NaN);
  if (!id || !source || members(data) === undefined) return { id: deriveId([text]), body: text, headers: {} };
  const ttl = Number(notice?.get('ttl') ?? 0);
  const body = bodyOf({
    id,
    topic,
    source,
    time: isMoment(seconds) ? timeOf(seconds) : undefined,
    subject: stringOf(notice?.get('to')) || topic,
    correlationid: stringOf(notice?.get('correlation_id')) || undefined,
    extensions: {
      messagetype: stringOf(notice?.get('type')),
      priority: stringOf(notice?.get('priority')),
      expirytime: ttl > 0 && isMoment(seconds + ttl) ? timeOf(seconds + ttl) : undefined,
    },
    data,
  });
  return { id, body, headers: {} };
}
