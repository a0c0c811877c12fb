import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { defineMessage } from '../../src/message/contract.ts';
import { deadLetterHeaders, readDeadLetterReason } from '../../src/message/dead-letter.ts';
import { decode as decodeMessage, encode, wrap } from '../../src/message/envelope.ts';
import { agents } from '../../src/transport/dialects/agents.ts';
import { noticeWording } from '../../src/transport/dialects/agents-notice.ts';
import type { Dialect, Fields } from '../../src/transport/dialects/dialect.ts';
import { eventBus } from '../../src/transport/dialects/event-bus.ts';
import { hokusai } from '../../src/transport/dialects/hokusai.ts';
import { hokusaiFlat } from '../../src/transport/dialects/hokusai-flat.ts';
import { jobs } from '../../src/transport/dialects/jobs.ts';
import { fileReports, reportStream } from '../../src/transport/dialects/reports.ts';
import { UNREAD } from '../../src/transport/dialects/unread.ts';
import { TransportError } from '../../src/transport/errors.ts';
import { frame } from '../../src/transport/file/frame.ts';
import { decodeFrame, encodeFrame } from '../../src/transport/redis/frame.ts';
import { FRAMED } from '../../src/transport/redis-list/frame.ts';
import { heldMessage, streamMessage } from '../../src/transport/redis-streams/incoming.ts';
import { fromFields } from '../../src/transport/sqs/from-fields.ts';
import type { Outgoing } from '../../src/transport/transport.ts';
import { anyText, FUZZ_TIMEOUT, fuzz, mutated, nastyJson, nastyKey } from '../support/fuzz.ts';

const TOPIC = 'model_ready_to_deploy';
const Anything = defineMessage({ name: TOPIC, version: 1, schema: z.unknown() });
const NOW = Date.parse('2026-11-21T10:00:00Z');
const LETTER = {
  headers: deadLetterHeaders({
    code: 'exhausted',
    message: 'it failed',
    at: '2026-11-21T10:00:00Z',
    attempts: 3,
    history: [],
  }),
  queue: 'queue',
  place: '1-1',
  now: NOW,
};

/** As files of reports are carried: what is given up is laid out as ours. */
const reports: Dialect<string> = {
  ...fileReports,
  dead: frame.dead,
  undead: (text) => ({
    native: frame.decode(text, { topic: '' }).body,
    headers: frame.undead(text).headers,
  }),
};
const TEXTS: Readonly<Record<string, Dialect<string>>> = {
  'file frame': frame,
  'list frame': FRAMED,
  hokusai: hokusai.dialect,
  'hokusai-flat': hokusaiFlat.dialect,
  jobs: jobs.dialect,
  'file-reports': reports,
};
const FIELDS: Readonly<Record<string, Dialect<Fields>>> = {
  agents: agents({}).dialect,
  'agents, signed': agents({ secret: 'a secret of agents' }).dialect,
  'event-bus': eventBus.dialect,
  'report-stream': reportStream(undefined).dialect,
};

/** A message as our publisher would send it: what it carries is anything. */
const data = fc.oneof(
  fc.dictionary(
    fc.oneof(
      fc.constantFrom('metadata', 'team_id', 'timestamp', 'token_symbol', 'mlflow_run_id', 'baseline_value'),
      fc.string(),
    ),
    fc.jsonValue(),
  ),
  fc.jsonValue(),
);
const message: fc.Arbitrary<Outgoing> = fc
  .tuple(
    data,
    fc.string({ minLength: 1 }),
    fc.option(fc.string(), { nil: undefined }),
    fc.dictionary(fc.string(), fc.string()),
  )
  .filter(([value]) => !JSON.stringify(value).includes('__proto__'))
  .map(([value, id, key, headers]) => ({
    id,
    body: encode(wrap(Anything, value, { id, ttlMs: 5_000 })),
    headers,
    ...(key !== undefined && { key }),
  }));

/** All that is ever asked of an entry, whoever wrote it. */
function livesThrough<Native>(dialect: Dialect<Native>, native: Native): void {
  const decoded = dialect.decode(native, { topic: TOPIC, name: 'name' });
  expect(typeof decoded.id).toBe('string');
  expect(typeof decoded.body).toBe('string');
  for (const value of Object.values(decoded.headers)) expect(typeof value).toBe('string');
  if (decoded.enqueuedAt !== undefined) expect(Number.isFinite(decoded.enqueuedAt)).toBe(true);
  if (decoded.attempts !== undefined) expect(decoded.attempts).toBeGreaterThanOrEqual(0);
  dialect.complete?.(native);
  dialect.concerns?.(native, { topic: TOPIC });
  dialect.undead(native);
  const again = (one: Native): string => dialect.decode(one, { topic: TOPIC, name: 'name' }).body;
  const retried = again(dialect.retry(native));
  const dead = dialect.dead(native, LETTER);
  const back = dialect.undead(dead);
  expect(readDeadLetterReason(back.headers)).toMatchObject({ code: 'exhausted' });
  const replayed = again(dialect.replay(back.native, { headers: {}, now: NOW }));
  // Of what cannot be read the text is the body, with all that counts tries.
  if (UNREAD in decoded.headers) return;
  for (const body of [retried, replayed]) {
    // Python escapes what JSON may leave as it is.
    if (body !== decoded.body) expect(canonical(body)).toBe(canonical(decoded.body));
  }
}

function canonical(json: string): string {
  return JSON.stringify(JSON.parse(json));
}

/** What is said comes back; or it is said why it cannot be. */
async function saidAndRead<Native>(
  dialect: Dialect<Native>,
  outgoing: Outgoing,
  keepsAll: boolean,
): Promise<Native | undefined> {
  let native: Native;
  try {
    native = dialect.encode(outgoing, { topic: TOPIC, now: NOW });
  } catch (error) {
    expect(error).toBeInstanceOf(TransportError);
    return undefined;
  }
  const decoded = dialect.decode(native, { topic: TOPIC, name: 'name' });
  if (keepsAll) expect(decoded).toMatchObject({ ...outgoing });
  else expect((await decodeMessage(Anything, decoded.body)).type).toBe(TOPIC);
  return native;
}

const foreignText = fc.oneof(
  anyText,
  nastyJson,
  fc.tuple(nastyJson, anyText).map(([line, rest]) => `${line}\n${rest}`),
  fc
    .tuple(nastyJson, nastyJson)
    .map(
      ([payload, time]) =>
        `{"message_id":"m","payload":{"tags":${payload}},"timestamp":${time},"retry_count":1,"job_id":"j","job_type":"model_ready_to_deploy","created_at":${time},"team_id":${payload}}`,
    ),
);

const foreignFields: fc.Arbitrary<Fields> = fc
  .array(
    fc.tuple(
      fc.oneof(
        fc.constantFrom(
          ...['id', 'from_agent', 'to_agent', 'message_type', 'payload', 'timestamp', 'signature', 'ttl'],
          ...['data', 'type', 'source', 'retry_count', 'dlq_error', 'final_error', 'error', 'original_id'],
        ),
        nastyKey,
      ),
      fc.oneof(
        anyText,
        nastyJson,
        fc.constantFrom('1e20', '-1', '8640000000000', 'NaN', '1700000000.5', '999999', 'Infinity', '0x10'),
      ),
    ),
  )
  .map((entries) => entries.flat());

describe.each(Object.entries(TEXTS))('an entry on %s', (name, dialect) => {
  const keepsAll = name.endsWith('frame');

  it(
    'is read, given up, shown and replayed, whatever it is',
    () =>
      fuzz(
        fc.property(foreignText, (text) => livesThrough(dialect, text)),
        300,
      ),
    FUZZ_TIMEOUT,
  );

  it(
    'comes back as it went, and lives through it when it is changed',
    () => {
      const said = fc.tuple(message, mutated(fc.constant('')));
      return fuzz(
        fc.asyncProperty(said, async ([outgoing, noise]) => {
          const native = await saidAndRead(dialect, outgoing, keepsAll);
          if (native === undefined) return;
          livesThrough(dialect, native);
          const at = noise.length % (native.length + 1);
          livesThrough(dialect, native.slice(0, at) + noise + native.slice(at));
          livesThrough(dialect, native.slice(0, at) + native.slice(at + 1));
        }),
        300,
      );
    },
    FUZZ_TIMEOUT,
  );
});

describe.each(Object.entries(FIELDS))('an entry of %s', (_name, dialect) => {
  it(
    'is read, given up, shown and replayed, whatever it is',
    () =>
      fuzz(
        fc.property(foreignFields, (fields) => livesThrough(dialect, fields)),
        300,
      ),
    FUZZ_TIMEOUT,
  );

  it(
    'comes back as it went, and lives through it when it is changed',
    () =>
      fuzz(
        fc.asyncProperty(
          fc.tuple(message, mutated(fc.constant('')), fc.nat()),
          async ([outgoing, noise, at]) => {
            const native = await saidAndRead(dialect, outgoing, false);
            if (native === undefined) return;
            livesThrough(dialect, native);
            livesThrough(
              dialect,
              native.map((value, index) => (index === at % native.length ? noise + value : value)),
            );
          },
        ),
        300,
      ),
    FUZZ_TIMEOUT,
  );
});

describe('what others say on a channel', () => {
  it(
    'is read, whatever it is',
    () => {
      const { read } = noticeWording({});
      return fuzz(
        fc.property(foreignText, (text) => {
          const { id, body } = read(text, TOPIC);
          expect(id).not.toBe('');
          expect(typeof body).toBe('string');
        }),
        300,
      );
    },
    FUZZ_TIMEOUT,
  );
});

describe('a frame in an entry of a stream', () => {
  it(
    'comes back as it went, and anything else is an id',
    () =>
      fuzz(
        fc.property(message, foreignText, ({ id, headers, key }, text) => {
          const given = key === undefined ? { id, headers } : { id, headers, key };
          expect(decodeFrame(encodeFrame(given))).toEqual(given);
          const read = decodeFrame(text);
          expect(typeof read.id).toBe('string');
          for (const value of Object.values(read.headers)) expect(typeof value).toBe('string');
        }),
        500,
      ),
    FUZZ_TIMEOUT,
  );

  it(
    'is a delivery, whatever the server answers, or a server’s fault',
    () => {
      const reply = fc.oneof(
        anyText,
        fc.integer(),
        fc.constant(null),
        fc.array(fc.oneof(anyText, fc.constant(null))),
      );
      return fuzz(
        fc.property(fc.array(reply), (replies) => {
          for (const read of [
            () => streamMessage(replies, { owner: 'owner', leaseUntil: 0 }),
            () => heldMessage(replies, { owner: 'owner', token: 'token' }, 0),
          ]) {
            try {
              expect(typeof read().body).toBe('string');
            } catch (error) {
              expect(error).toBeInstanceOf(TransportError);
            }
          }
        }),
        500,
      );
    },
    FUZZ_TIMEOUT,
  );
});

describe('fields of SQS', () => {
  it(
    'are a message, whoever set the attributes',
    () =>
      fuzz(
        fc.property(
          anyText,
          fc.dictionary(
            fc.oneof(fc.constantFrom('hikyaku', 'hikyaku-id', 'hikyaku-key'), nastyKey),
            fc.oneof(anyText, nastyJson),
          ),
          (body, texts) => {
            const read = fromFields(body, texts, 'm', undefined);
            expect(read.body).toBe(body);
            expect(typeof read.id).toBe('string');
            for (const value of Object.values(read.headers)) expect(typeof value).toBe('string');
            expect(Object.getPrototypeOf(read.headers)).toBe(Object.prototype);
          },
        ),
        500,
      ),
    FUZZ_TIMEOUT,
  );
});
