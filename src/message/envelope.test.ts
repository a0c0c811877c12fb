import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as z from 'zod/mini';
import { defineMessage } from './contract.ts';
import { decode, encode, InvalidMessage, readEnvelope, validate, wrap } from './envelope.ts';

const Anything = defineMessage({ name: 'anything', version: 2, schema: z.unknown() });
const Order = defineMessage({
  name: 'order_placed',
  version: 1,
  schema: z.object({ order: z.string(), lines: z.array(z.object({ sku: z.string() })) }),
  identify: ({ order }) => `order-${order}`,
});
const order = { order: 'o-1', lines: [{ sku: 'x' }] };

function problem(act: () => unknown): InvalidMessage {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidMessage) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('envelope', () => {
  it('is a CloudEvents 1.0 event that comes back as it went', () => {
    const envelope = wrap(Order, order, { source: 'shop', subject: 'eu', correlationId: 'c-1' });
    expect(envelope).toMatchObject({
      specversion: '1.0',
      id: 'order-o-1',
      source: 'shop',
      type: 'order_placed',
      subject: 'eu',
      correlationid: 'c-1',
      datacontenttype: 'application/json',
      dataschema: 'urn:hikyaku:order_placed:1',
      data: order,
    });
    expect(new Date(envelope.time).toISOString()).toBe(envelope.time);
    expect(decode(Order, encode(envelope))).toEqual(envelope);
  });

  it('makes ids that sort by time where the contract derives none', () => {
    const ids = Array.from({ length: 50 }, () => wrap(Anything, 1, {}).id);
    expect(new Set(ids).size).toBe(50);
    const times = ids.map((id) => id.slice(0, 13));
    expect(times.toSorted()).toEqual(times);
  });

  it('carries any JSON there and back, in text that XML 1.0 can carry', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), fc.string({ unit: 'binary' }), (value, text) => {
        const data = { value, text };
        const asJson: unknown = JSON.parse(JSON.stringify(data));
        let body: string;
        try {
          body = encode(wrap(Anything, data, { id: 'x' }));
        } catch (error) {
          // What is refused is refused for a reason.
          expect(error).toBeInstanceOf(InvalidMessage);
          expect(JSON.stringify(data)).toMatch(/__proto__|\d{16}/);
          return;
        }
        expect(body).toMatch(/^[ -\uD7FF\uE000-\uFFFD]*$/);
        expect(body.isWellFormed()).toBe(true);
        expect(decode(Anything, body)).toMatchObject({ data: asJson });
      }),
    );
  });

  it.each([
    ['', 'malformed', ''],
    ['{', 'malformed', ''],
    ['[]', 'malformed', ''],
    ['null', 'malformed', ''],
    ['"text"', 'malformed', ''],
    ['{"specversion":"1.0","id":"","source":"s","type":"order_placed"}', 'malformed', 'id'],
    [
      '{"specversion":"1.0","id":"1","source":"s","type":"order_placed","expirytime":{"toString":null}}',
      'malformed',
      'expirytime',
    ],
    ['{"specversion":"0.3","id":"1","source":"s","type":"order_placed"}', 'malformed', 'specversion'],
    ['{"specversion":"1.0","id":"1","source":"s","type":"other"}', 'unknown-contract', 'type'],
    ['{"specversion":"1.0","id":"1","source":"s","type":"order_placed"}', 'unknown-version', 'dataschema'],
  ])('says what is wrong with %j', (body, reason, path) => {
    const { reason: found, issues } = problem(() => decode(Order, body));
    expect(found).toBe(reason);
    expect(issues[0]?.path).toBe(path);
    expect(issues[0]?.message).not.toBe('');
  });

  it('names the path to a field that does not fit', () => {
    const { reason, issues, message } = problem(() => validate(Order, { order: 'o', lines: [{ sku: 7 }] }));
    expect(reason).toBe('invalid');
    expect(issues.map(({ path }) => path)).toEqual(['data.lines.0.sku']);
    expect(message).toContain('data.lines.0.sku');
  });

  it('waits for a schema that checks asynchronously', async () => {
    const Slow = defineMessage({
      name: 'slow',
      version: 1,
      schema: {
        '~standard': {
          version: 1,
          vendor: 'test',
          validate: async (value: unknown) =>
            typeof value === 'string'
              ? { value }
              : { issues: [{ message: 'expected a text', path: [{ key: 'deep' }] }] },
        },
      },
    });
    expect(await validate(Slow, 'yes')).toBe('yes');
    await expect(validate(Slow, 7)).rejects.toMatchObject({
      reason: 'invalid',
      issues: [{ path: 'data.deep' }],
    });
    await expect(decode(Slow, encode(wrap(Slow, 'yes', {})))).resolves.toMatchObject({ data: 'yes' });
  });

  it('refuses __proto__, however it is spelled, and where', () => {
    const body = (data: string) =>
      `{"specversion":"1.0","id":"1","source":"s","type":"anything","dataschema":"urn:hikyaku:anything:2","data":${data}}`;
    for (const key of ['__proto__', '__pr\\u006fto__', '\\u005f_proto__']) {
      const { reason, issues } = problem(() =>
        decode(Anything, body(`{"deep":[{"${key}":{"admin":true}}]}`)),
      );
      expect(reason).toBe('unsafe');
      expect(issues[0]?.path).toBe('data.deep.0.__proto__');
    }
    // As a text it harms nobody.
    expect(decode(Anything, body('{"note":"__proto__"}'))).toMatchObject({ data: { note: '__proto__' } });
  });

  it('refuses whole numbers that JavaScript would change', () => {
    const body = (data: string) =>
      `{"specversion":"1.0","id":"1","source":"s","type":"anything","dataschema":"urn:hikyaku:anything:2","data":${data}}`;
    expect(problem(() => decode(Anything, body('{"id":9007199254740993}')))).toMatchObject({
      reason: 'unsafe',
      issues: [{ path: 'data.id' }],
    });
    expect(problem(() => decode(Anything, body('{"ids":[[1,-9007199254740993]]}')))).toMatchObject({
      reason: 'unsafe',
      issues: [{ path: 'data.ids.0.1' }],
    });
    // What JavaScript itself wrote comes back as it was.
    expect(() => encode(wrap(Anything, { mse: 1.2345678901234567e19 }, {}))).not.toThrow();
    for (const fine of [
      '9007199254740991',
      '"9007199254740993"',
      '0.9981016355140186',
      '1e300',
      '123.4567890123456789',
    ]) {
      expect(() => decode(Anything, body(fine))).not.toThrow();
    }
  });

  it('says what JSON cannot write', () => {
    expect(problem(() => encode(wrap(Anything, { n: 1n }, {})))).toMatchObject({ reason: 'invalid' });
  });

  it('refuses what is nested too deeply, on both sides', () => {
    const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
    const depth = 499;
    const body = encode(wrap(Anything, nested(depth), {}));
    expect(decode(Anything, body)).toMatchObject({ data: nested(depth) });
    const why = { reason: 'unsafe', message: 'too many levels' };
    expect(problem(() => encode(wrap(Anything, nested(depth + 1), {})))).toMatchObject(why);
    expect(
      problem(() => decode(Anything, body.replace('"data":', '"data":[').replace(/}$/, ']}'))),
    ).toMatchObject(why);
    expect(problem(() => readEnvelope('['.repeat(100_000) + ']'.repeat(100_000)))).toMatchObject(why);
    const brackets = '['.repeat(2_000);
    expect(decode(Anything, encode(wrap(Anything, brackets, {})))).toMatchObject({ data: brackets });
  });

  it('does not repeat a body in its message', () => {
    for (const body of ['secret-token', '{"data": secret-token}', '{"data":"secret-token']) {
      expect(problem(() => readEnvelope(body)).message).not.toContain('secret');
    }
    const { message } = problem(() => readEnvelope('{"data":{"card":41111111111111117}}'));
    expect(message).toBe('data.card: a whole number beyond 2^53 would become another: send it as a string');
  });
});

it('says in one sentence what is wrong, however much it is', () => {
  const lines = Array.from({ length: 5_000 }, () => ({ sku: 1 }));
  const { issues, message } = problem(() => validate(Order, { order: 'o', lines }));
  expect(issues).toHaveLength(5_000);
  expect(message).toContain('data.lines.9.sku: ');
  expect(message).not.toContain('data.lines.10.');
  expect(message).toMatch(/; …$/);
  const Named = defineMessage({ name: 'named', version: 1, schema: z.record(z.string(), z.number()) });
  const long = problem(() => validate(Named, { ['k'.repeat(100_000)]: 'x' }));
  expect(long.message.length).toBeLessThan(1_000);
});
