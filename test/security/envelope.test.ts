import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { timely } from '../../src/consume/expiry.ts';
import { defineMessage } from '../../src/message/contract.ts';
import {
  deadLetterHeaders,
  readDeadLetterReason,
  replayHeaders,
  replaysOf,
} from '../../src/message/dead-letter.ts';
import { decode, encode, InvalidMessage, readEnvelope, wrap } from '../../src/message/envelope.ts';
import { modelReadyToDeploy } from '../../src/model-ready/contract.ts';
import { modelToEvaluate } from '../../src/model-ready/to-evaluate.ts';
import { groupDeadLetters } from '../../src/operate/dead-letter-groups.ts';
import { anyText, FUZZ_TIMEOUT, fuzz, mutated, nastyJson, nastyKey } from '../support/fuzz.ts';

const Anything = defineMessage({ name: 'anything', version: 1, schema: z.unknown() });
const CONTRACTS = [Anything, modelReadyToDeploy, modelToEvaluate];

/** What may come of any text: a message, or the one error that says why not. */
async function handled(body: string): Promise<void> {
  for (const contract of CONTRACTS) {
    try {
      const message = await decode<unknown>(contract, body);
      expect(message.type).toBe(contract.name);
      if (message.expirytime !== undefined) timely(message, {}, null);
      // What was read can be said again, and is the same.
      const again = await decode<unknown>(contract, encode(message));
      expect(JSON.stringify(again)).toBe(JSON.stringify(message));
    } catch (error) {
      expect(error).toBeInstanceOf(InvalidMessage);
    }
  }
}

const valid = fc
  .tuple(fc.jsonValue(), fc.option(fc.integer({ min: 1, max: 1e9 })))
  // What the encoder refuses is no message.
  .filter(([data]) => !JSON.stringify(data).includes('__proto__'))
  .map(([data, ttlMs]) => encode(wrap(Anything, data, { ttlMs: ttlMs ?? undefined })));

/** An envelope of which any attribute may be anything. */
const strange = fc
  .dictionary(
    fc.oneof(
      fc.constantFrom(
        'id',
        'source',
        'type',
        'time',
        'subject',
        'dataschema',
        'expirytime',
        'data',
        'specversion',
      ),
      nastyKey,
    ),
    nastyJson,
  )
  .map((attributes) => {
    const all = {
      specversion: '"1.0"',
      id: '"1"',
      source: '"s"',
      type: '"anything"',
      dataschema: '"urn:hikyaku:anything:1"',
      ...attributes,
    };
    return `{${Object.entries(all)
      .map(([key, value]) => `${JSON.stringify(key)}:${value}`)
      .join(',')}}`;
  });

describe('an envelope', () => {
  it(
    'is read, or refused with a reason, whatever text comes',
    () => fuzz(fc.asyncProperty(anyText, handled), 500),
    FUZZ_TIMEOUT,
  );

  it('the same of any JSON', () => fuzz(fc.asyncProperty(nastyJson, handled), 500), FUZZ_TIMEOUT);

  it(
    'the same where any attribute is anything',
    () => fuzz(fc.asyncProperty(strange, handled), 500),
    FUZZ_TIMEOUT,
  );

  it(
    'the same of what somebody has changed',
    () => fuzz(fc.asyncProperty(mutated(valid), handled), 500),
    FUZZ_TIMEOUT,
  );

  it(
    'never hands over a key that names a prototype',
    () =>
      fuzz(
        fc.property(fc.oneof(strange, mutated(strange)), (body) => {
          let event: unknown;
          try {
            event = readEnvelope(body);
          } catch {
            return;
          }
          const pending: unknown[] = [event];
          for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
            if (typeof one !== 'object' || one === null) continue;
            expect(Object.hasOwn(one, '__proto__')).toBe(false);
            pending.push(...Object.values(one));
          }
        }),
        500,
      ),
    FUZZ_TIMEOUT,
  );

  it(
    'keeps what it carries out of the sentence that says what is wrong',
    () =>
      fuzz(
        fc.property(mutated(fc.constant('{"data":{"card":"canary-4711-canary"}}')), (body) => {
          try {
            readEnvelope(body);
          } catch (error) {
            expect(String(error)).not.toMatch(/canary|4711/);
          }
        }),
        500,
      ),
    FUZZ_TIMEOUT,
  );
});

describe('the headers of a dead letter', () => {
  const headers = fc.dictionary(
    fc.oneof(
      fc.constantFrom('hikyaku-dead', 'hikyaku-replays', 'hikyaku-replayed', 'signature', '__proto__'),
      anyText,
    ),
    fc.oneof(
      anyText,
      nastyJson,
      mutated(
        fc.constant(
          deadLetterHeaders({
            code: 'exhausted',
            message: 'it failed',
            at: '2026-11-21T10:00:00Z',
            attempts: 3,
            history: [{ attempt: 3, at: '2026-11-21T10:00:00Z', error: 'no' }],
          })['hikyaku-dead'] ?? '',
        ),
      ),
    ),
  );

  it(
    'are read whoever wrote them, and grouped and replayed',
    () =>
      fuzz(
        fc.property(headers, (some) => {
          const reason = readDeadLetterReason(some);
          expect(reason).toMatchObject({
            code: expect.any(String),
            message: expect.any(String),
            at: expect.any(String),
            attempts: expect.any(Number),
          });
          const again = replayHeaders(some);
          expect(replaysOf(again)).toBe(replaysOf(some) + 1);
          const view = { id: 'm', reason, replays: 0, enqueuedAt: 0, headers: some, body: '' };
          const [group] = groupDeadLetters([view]);
          expect(group?.fingerprint).toMatch(/^[0-9a-f]{10}$/);
          expect(readDeadLetterReason(deadLetterHeaders(reason)).code).toBe(reason.code);
        }),
        500,
      ),
    FUZZ_TIMEOUT,
  );
});
