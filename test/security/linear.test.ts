import { describe, expect, it } from 'vitest';
import { printable, table } from '../../src/cli/output.ts';
import { readDeadLetterReason } from '../../src/message/dead-letter.ts';
import { InvalidMessage, readEnvelope } from '../../src/message/envelope.ts';
import { readReplay } from '../../src/message/replayed.ts';
import { readSignature } from '../../src/message/signature.ts';
import { InvalidEvaluation, parseEvaluation } from '../../src/model-ready/judge/evaluation.ts';
import { fingerprintOf } from '../../src/operate/fingerprint.ts';
import { agents } from '../../src/transport/dialects/agents.ts';
import { hokusai } from '../../src/transport/dialects/hokusai.ts';
import { jobs } from '../../src/transport/dialects/jobs.ts';
import { pythonJson } from '../../src/transport/dialects/python-json.ts';
import { envelopeTime } from '../../src/transport/dialects/python-time.ts';
import { reasonHeaders } from '../../src/transport/dialects/reason.ts';
import { frame } from '../../src/transport/file/frame.ts';
import { redirected, transportError } from '../../src/transport/redis/errors.ts';
import { decodeFrame } from '../../src/transport/redis/frame.ts';
import { FRAMED } from '../../src/transport/redis-list/frame.ts';

const NOW = { topic: 'model_ready_to_deploy', name: 'n' };
const NODE = { host: 'h', port: 1 };

/** All that reads what others write. What it throws is tested elsewhere. */
const READERS: Readonly<Record<string, (text: string) => unknown>> = {
  envelope: readEnvelope,
  'dead letter': (text) => readDeadLetterReason({ 'hikyaku-dead': text }),
  reason: (message) => fingerprintOf({ code: 'exhausted', message }),
  'reason of others': (text) => reasonHeaders(text, undefined),
  signature: readSignature,
  replay: (text) => readReplay({ 'hikyaku-replayed': text }),
  evaluation: (text) => parseEvaluation({ [text]: 1, model_name: text }),
  'file frame': (text) => [frame.decode(text, NOW), frame.complete?.(text)],
  'list frame': (text) => FRAMED.decode(text, NOW),
  'stream frame': decodeFrame,
  hokusai: (text) => [hokusai.dialect.decode(text, NOW), hokusai.dialect.retry(text)],
  jobs: (text) => jobs.dialect.decode(text, NOW),
  agents: (text) =>
    agents({ secret: 's' }).dialect.decode(
      ['id', '1', 'from_agent', 'a', 'message_type', 't', 'timestamp', '1', 'payload', text],
      NOW,
    ),
  time: (text) => envelopeTime(text, 'utc'),
  'Python’s JSON': pythonJson,
  'error of Redis': (text) => [
    transportError(new Error(text), 'Redis'),
    redirected(new Error(`MOVED 1 ${text}`), 'MOVED', NODE),
  ],
  table: (text) => table(['id'], [[printable(text)], ['x']]),
};

const BYTES = 50_000;
const SEEDS = [
  'a',
  ' ',
  '"',
  '\\',
  '\\"',
  '{',
  '[',
  '{"a":',
  '[{"":',
  '0',
  '1',
  '-',
  '.',
  '1.',
  '"\\u0000",',
  '`',
  "' ",
  '\n',
  '\t',
  ':',
  '@',
  '@1',
  ' (',
  ' (a, attempts: 1',
  '2026-11-21T',
  '0x',
  'a1',
  ', ',
  '~',
  '\u001b',
  '\ud800',
  'v1.',
  '"a":1,',
];
const ENDS = ['', '!', '"'];

describe.each(Object.entries(READERS))('%s', (_name, read) => {
  it('is read in time that grows as its length does', () => {
    for (const seed of SEEDS) {
      for (const end of ENDS) {
        const text = seed.repeat(BYTES / seed.length) + end;
        const before = process.cpuUsage().user;
        for (const whole of [text, `{"a":"${text}`, `{"a":${JSON.stringify(text)}}`]) {
          try {
            read(whole);
          } catch (error) {
            const known = error instanceof InvalidMessage || error instanceof InvalidEvaluation;
            // pythonJson is only given what is JSON.
            if (!known) expect(error).toBeInstanceOf(read === pythonJson ? Error : InvalidMessage);
          }
        }
        // Some thousandths of a second; what is quadratic takes minutes.
        expect((process.cpuUsage().user - before) / 1e6, JSON.stringify([seed, end])).toBeLessThan(2);
      }
    }
  }, 300_000);
});
