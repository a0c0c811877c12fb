import { isSigned, type Signed, sign } from './agents-signature.ts';
import type { Dialect, Fields } from './dialect.ts';
import { fieldOf, textOfFields, without } from './fields.ts';
import { floatRepr, pythonJson } from './python-json.ts';
import { members } from './raw-json.ts';
import { reasonHeaders, reasonText } from './reason.ts';
import { decoded, textOf, toSay, unread } from './speech.ts';
import type { StreamSystem } from './systems.ts';

export const MESSAGE_TYPES: readonly string[] = [
  'task_request',
  'task_result',
  'event',
  'coordination',
  'heartbeat',
  'broadcast',
  'error',
];
export const PRIORITIES: readonly string[] = ['low', 'normal', 'high', 'urgent'];

/** The topic, and the addressee, of what all agents get. */
export const BROADCAST = 'broadcast';

/** What is added to a dead letter. */
const ADDED = ['dlq_timestamp', 'dlq_error', 'dlq_original_stream'];

export interface AgentsOptions {
  /** What messages are signed with. With one, those that are not signed by it are not read. */
  readonly secret?: string | undefined;
  /** What is said of a message that does not say its own (`messagetype`). Default `event`. */
  readonly type?: string | undefined;
}

/**
 * Messages to agents: a topic for each, by its id, and `broadcast`. What an envelope has no attribute for are extensions:
 * `messagetype`, `priority` and, of its time to live, `expirytime`.
 */
function dialectOf({ secret, type = 'event' }: AgentsOptions): Dialect<Fields> {
  return {
    encode(message, { topic, now }) {
      const { event, data } = toSay(message);
      const said = Date.parse(event.time);
      const ms = Number.isNaN(said) ? now : said;
      const signed: Signed = {
        id: event.id,
        from: event.source,
        to: topic,
        type: oneOf(MESSAGE_TYPES, event['messagetype']) ?? type,
        payload: pythonJson(data),
        timestamp: floatRepr(ms / 1_000),
      };
      const ttl = Math.round((Date.parse(textOf(event['expirytime']) ?? '') - ms) / 1_000);
      return [
        ...['id', signed.id],
        ...['from_agent', signed.from],
        ...['to_agent', signed.to],
        ...['message_type', signed.type],
        ...['payload', signed.payload],
        ...['priority', oneOf(PRIORITIES, event['priority']) ?? 'normal'],
        ...['timestamp', signed.timestamp],
        ...['correlation_id', event.correlationid ?? ''],
        ...['signature', secret === undefined ? '' : sign(secret, signed)],
        ...(ttl > 0 ? ['ttl', String(ttl)] : []),
      ];
    },

    decode(fields, { topic }) {
      const id = fieldOf(fields, 'id');
      const from = fieldOf(fields, 'from_agent');
      const messageType = fieldOf(fields, 'message_type');
      const payload = fieldOf(fields, 'payload') ?? '';
      const seconds = Number(fieldOf(fields, 'timestamp') || Number.NaN);
      if (!id || !from || !messageType || !isMoment(seconds)) {
        return unread(
          textOfFields(fields),
          'the entry lacks id, from_agent, message_type or a timestamp in seconds',
        );
      }
      if (members(payload) === undefined)
        return unread(textOfFields(fields), 'its payload is no JSON object');
      const to = fieldOf(fields, 'to_agent') || BROADCAST;
      if (secret !== undefined) {
        const signed = { id, from, to, type: messageType, payload, timestamp: floatRepr(seconds) };
        const signature = fieldOf(fields, 'signature') ?? '';
        if (!isSigned(secret, signed, signature)) {
          return unread(
            textOfFields(fields),
            signature === '' ? 'it is not signed' : 'its signature does not match',
          );
        }
      }
      const ttl = Number(fieldOf(fields, 'ttl') || 0);
      return decoded({
        id,
        topic,
        source: from,
        time: timeOf(seconds),
        subject: to,
        correlationid: fieldOf(fields, 'correlation_id') || undefined,
        extensions: {
          messagetype: messageType,
          priority: fieldOf(fields, 'priority') || undefined,
          expirytime: ttl > 0 && isMoment(seconds + ttl) ? timeOf(seconds + ttl) : undefined,
        },
        data: payload,
      });
    },

    retry: (fields) => fields,

    dead: (fields, { headers, queue, now }) => [
      ...fields,
      ...['dlq_timestamp', floatRepr(now / 1_000)],
      ...['dlq_error', reasonText(headers)],
      ...['dlq_original_stream', queue],
    ],

    undead(fields) {
      const error = fieldOf(fields, 'dlq_error');
      const seconds = Number(fieldOf(fields, 'dlq_timestamp') || Number.NaN);
      const headers =
        error === undefined ? {} : reasonHeaders(error, isMoment(seconds) ? timeOf(seconds) : undefined);
      return { native: without(fields, ADDED), headers };
    },

    replay: (fields) => fields,
  };
}

/** Streams of agents. */
export function agents(options: AgentsOptions): StreamSystem {
  return {
    name: 'agents',
    dialect: dialectOf(options),
    stream: (topic) => `agent_messages:${topic}`,
    group: (topic, subscription, isFirst) =>
      isFirst
        ? topic === BROADCAST
          ? 'broadcast_consumers'
          : `consumers:${topic}`
        : `consumers:${topic}:${subscription}`,
    dead: (topic) => `agent_messages:${topic}:dlq`,
  };
}

export function oneOf(known: readonly string[], value: unknown): string | undefined {
  return typeof value === 'string' && known.includes(value) ? value : undefined;
}

/** Whether it is a time that can be written: those of JavaScript end in the year 275760. */
export function isMoment(seconds: number): boolean {
  return Number.isFinite(seconds) && Math.abs(seconds) <= 8.64e12;
}

export function timeOf(seconds: number): string {
  return new Date(seconds * 1_000).toISOString();
}
