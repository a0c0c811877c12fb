import { createHmac } from 'node:crypto';
import type { SQSEvent } from 'aws-lambda';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { defineConfig, topic } from '../../src/config/define-config.ts';
import { findSubscription } from '../../src/config/find.ts';
import { createSqsEventHandler } from '../../src/consume/sqs-event.ts';
import { encode, wrap } from '../../src/message/envelope.ts';
import { parseJson } from '../../src/message/json.ts';
import { keyOf, sign } from '../../src/message/signature.ts';
import { readEvidence } from '../../src/model-ready/judge/inputs.ts';
import { createEvaluateWebhook } from '../../src/model-ready/webhook/evaluate-webhook.ts';
import { httpEvent } from '../../src/publish/http-event.ts';
import { asHttpRequest, BadRequest } from '../../src/publish/http-request.ts';
import { fixedSecrets } from '../../src/secrets/secrets.ts';
import { TransportError } from '../../src/transport/errors.ts';
import type { SettleOutcome, Transport } from '../../src/transport/transport.ts';
import { openTransport } from '../../src/transport/url.ts';
import { anyText, FUZZ_TIMEOUT, fuzz, mutated, nastyJson, nastyKey } from '../support/fuzz.ts';
import { Ping } from '../support/ping.ts';

beforeAll(() => {
  // What is nobody's fault but the log's to know.
  vi.spyOn(console, 'error').mockImplementation(() => undefined);
});
afterAll(() => vi.restoreAllMocks());

const config = defineConfig({
  topics: [
    topic(Ping, {
      test: { loadHandler: async () => ({ default: () => undefined }), lambda: { entry: 'unused' } },
    }),
  ],
});
const KEY = '0123456789abcdef0123456789abcdef';

/** Settles all it is given; or nothing. */
async function settling(outcome: SettleOutcome): Promise<Transport> {
  const memory = await openTransport('memory:', config);
  return { ...memory, settle: async (_, settlements) => settlements.map(() => outcome) };
}

const body = fc.oneof(
  { weight: 3, arbitrary: fc.integer().map((n) => encode(wrap(Ping, { n }, { id: 'm' }))) },
  anyText,
  nastyJson,
  mutated(fc.integer().map((n) => encode(wrap(Ping, { n }, {})))),
);
const attribute = fc.oneof(
  fc.record({ stringValue: fc.oneof(anyText, nastyJson), dataType: fc.constant('String') }),
  fc.record({ binaryValue: anyText, dataType: fc.constant('Binary') }),
);
const record = fc.record({
  messageId: fc.uuid(),
  receiptHandle: anyText,
  body,
  attributes: fc.record(
    {
      ApproximateReceiveCount: fc.oneof(fc.nat(30).map(String), anyText),
      SentTimestamp: fc.oneof(fc.nat().map(String), anyText),
      MessageGroupId: anyText,
    },
    { requiredKeys: [] },
  ),
  messageAttributes: fc.dictionary(
    fc.oneof(fc.constantFrom('hikyaku', 'hikyaku-id', 'hikyaku-key'), nastyKey),
    attribute,
  ),
});
/** A part of a record is something else, or is not there. */
const broken = fc
  .tuple(record, fc.constantFrom('receiptHandle', 'body', 'attributes', 'messageAttributes'), fc.anything())
  .map(([whole, part, other]) => ({ ...whole, [part]: other }));

describe('an event of SQS', () => {
  // As Lambda would have parsed it: what is no record of SQS cannot be typed as one.
  const invoke = (handler: ReturnType<typeof createSqsEventHandler>, records: readonly unknown[]) => {
    const event: SQSEvent = JSON.parse(JSON.stringify({ Records: records }));
    return handler(event, { getRemainingTimeInMillis: () => 30_000 });
  };

  it.each(['settled', 'refused'] as const)(
    'has each record answered, whatever is in it, where endings are %s',
    async (how) => {
      const transport = await settling(
        how === 'settled' ? 'settled' : new TransportError('Denied', 'no right to'),
      );
      await fuzz(
        fc.asyncProperty(
          fc.array(fc.oneof({ weight: 4, arbitrary: record }, broken), { maxLength: 10 }),
          fc.boolean(),
          async (records, signed) => {
            const handled: string[] = [];
            const handler = createSqsEventHandler({
              found: findSubscription(config, 'ping/test'),
              openTransport: async () => transport,
              signingKeys: signed ? fixedSecrets([KEY]) : undefined,
              handler: ({ id, data }) => {
                handled.push(id);
                if (typeof data === 'object' && data !== null && 'n' in data && Number(data.n) % 2) {
                  throw new Error('odd');
                }
              },
            });
            const { batchItemFailures } = await invoke(handler, records);
            const failed = batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
            const ids = records.map(({ messageId }) => messageId);
            // Lambda takes the whole batch for failed when there is one that it does not know.
            expect(failed.filter((id) => !ids.includes(id))).toEqual([]);
            expect(new Set(failed).size).toBe(failed.length);
            // Nobody has signed any of them.
            if (signed) expect(handled).toEqual([]);
            const done = ids.length - failed.length;
            if (how === 'refused') expect(done).toBeLessThanOrEqual(handled.length);
          },
        ),
        200,
        20,
      );
    },
    FUZZ_TIMEOUT,
  );

  it(
    'hands over what was signed, and nothing that was changed since',
    async () => {
      const transport = await settling('settled');
      const handled: string[] = [];
      const handler = createSqsEventHandler({
        found: findSubscription(config, 'ping/test'),
        openTransport: async () => transport,
        signingKeys: fixedSecrets([KEY]),
        handler: ({ id }) => void handled.push(id),
      });
      const said = encode(wrap(Ping, { n: 1 }, { id: 'm-1' }));
      const signature = sign(keyOf(KEY), 'ping', { id: 'm-1', body: said });
      const sent = { body: said, id: 'm-1', headers: JSON.stringify({ signature }) };
      const changed = fc.oneof(
        fc.record({
          body: mutated(fc.constant(said)),
          id: fc.constant('m-1'),
          headers: fc.constant(sent.headers),
        }),
        fc.record({
          body: fc.constant(said),
          id: mutated(fc.constant('m-1')),
          headers: fc.constant(sent.headers),
        }),
        fc.record({
          body: fc.constant(said),
          id: fc.constant('m-1'),
          headers: mutated(fc.constant(signature)).map((other) => JSON.stringify({ signature: other })),
        }),
        fc.record({
          body: fc.constant(said),
          id: fc.constant('m-1'),
          headers: mutated(fc.constant(sent.headers)),
        }),
      );
      const event = ({ body, id, headers }: typeof sent) => [
        {
          messageId: 'x',
          receiptHandle: 'r',
          body,
          attributes: { ApproximateReceiveCount: '1', SentTimestamp: '1' },
          messageAttributes: {
            hikyaku: { stringValue: headers, dataType: 'String' },
            'hikyaku-id': { stringValue: id, dataType: 'String' },
          },
        },
      ];
      await invoke(handler, event(sent));
      expect(handled).toEqual(['m-1']);
      const signatureIn = (headers: string): unknown => {
        try {
          return JSON.parse(headers).signature;
        } catch {
          return undefined;
        }
      };
      await fuzz(
        fc.asyncProperty(changed, async (one) => {
          handled.length = 0;
          const same = one.body === said && one.id === 'm-1' && signatureIn(one.headers) === signature;
          await invoke(handler, event(one));
          expect(handled).toEqual(same ? ['m-1'] : []);
        }),
        200,
        5,
      );
    },
    FUZZ_TIMEOUT,
  );
});

const SECRET = 'what MLflow signs with';
const NOW = 1_800_000_000_000;
const delivery = JSON.stringify({
  entity: 'model_version',
  action: 'created',
  data: { name: 'iris', version: '1', run_id: 'r' },
});

function signed(text: string, id: string, timestamp = String(NOW / 1_000)) {
  const mac = createHmac('sha256', SECRET).update(`${id}.${timestamp}.${text}`).digest('base64');
  return {
    'X-MLflow-Delivery-Id': id,
    'X-MLflow-Timestamp': timestamp,
    'X-MLflow-Signature': `v1,${mac}`,
  };
}

const headerName = fc
  .tuple(
    fc.constantFrom('x-mlflow-signature', 'x-mlflow-timestamp', 'x-mlflow-delivery-id', '__proto__', 'host'),
    fc.boolean(),
  )
  .map(([name, upper]) => (upper ? name.toUpperCase() : name));
const headers = fc.oneof(
  fc.dictionary(fc.oneof(headerName, anyText), fc.oneof(anyText, fc.anything())),
  fc.constant(signed(delivery, 'd-1')),
  fc
    .tuple(
      fc.constantFrom(...Object.keys(signed('', ''))),
      mutated(fc.constantFrom('v1,', '1800000000', 'd-1')),
    )
    .map(([name, value]) => ({ ...signed(delivery, 'd-1'), [name]: value })),
  fc.anything(),
);
const request = fc.record({
  requestContext: fc.oneof(
    { weight: 9, arbitrary: fc.constant({ http: { method: 'POST' } }) },
    fc.anything(),
  ),
  headers,
  body: fc.oneof(anyText, nastyJson, fc.constant(delivery), mutated(fc.constant(delivery)), fc.anything()),
  isBase64Encoded: fc.oneof(fc.boolean(), fc.anything()),
});

describe('a request of HTTP', () => {
  it(
    'is read, whatever the function URL hands over',
    () =>
      fuzz(
        fc.property(fc.oneof(request, fc.anything()), fc.nat(64), (event, most) => {
          const http = asHttpRequest(event);
          if (http === undefined) return;
          for (const name of ['x-mlflow-signature', '__proto__', 'constructor']) {
            expect(['string', 'undefined']).toContain(typeof http.header(name));
          }
          try {
            expect(http.body(most).length).toBeLessThanOrEqual(most);
          } catch (error) {
            expect(error).toBeInstanceOf(BadRequest);
          }
        }),
        500,
      ),
    FUZZ_TIMEOUT,
  );

  it(
    'to the webhook is answered, and publishes only what MLflow has signed',
    async () => {
      const published: unknown[] = [];
      const webhook = createEvaluateWebhook({
        publish: async (data) => ({ id: String(published.push(data)) }),
        secrets: fixedSecrets([SECRET]),
        now: () => NOW,
      });
      await fuzz(
        fc.asyncProperty(request, async (event) => {
          const before = published.length;
          const http = asHttpRequest(event);
          if (http === undefined) return;
          const answer = await webhook(event);
          expect(answer).toMatchObject({ statusCode: expect.any(Number), body: expect.any(String) });
          if (!('statusCode' in answer)) return;
          expect([200, 202, 400, 401, 413]).toContain(answer.statusCode);
          const genuine = ['x-mlflow-delivery-id', 'x-mlflow-timestamp'].map((name) => http.header(name));
          const text = http.body(1e6).toString('latin1');
          const mac = createHmac('sha256', SECRET)
            .update(`${genuine.join('.')}.`)
            .update(Buffer.from(text, 'latin1'))
            .digest('base64');
          const fits = http.header('x-mlflow-signature') === `v1,${mac}`;
          if (!fits) expect(answer.statusCode).toBe(genuine && text.length > 262_144 ? 413 : 401);
          if (!fits) expect(published.length).toBe(before);
        }),
        300,
        2,
      );
    },
    FUZZ_TIMEOUT,
  );

  it(
    'that is signed is answered, whatever it says',
    async () => {
      const webhook = createEvaluateWebhook({
        publish: async () => ({ id: '1' }),
        secrets: fixedSecrets([SECRET]),
        now: () => NOW,
      });
      let count = 0;
      await fuzz(
        fc.asyncProperty(fc.oneof(nastyJson, mutated(fc.constant(delivery)), anyText), async (text) => {
          const whole = text.toWellFormed();
          const event = {
            requestContext: { http: {} },
            headers: signed(whole, `d-${count++}`),
            body: Buffer.from(whole).toString('base64'),
            isBase64Encoded: true,
          };
          const answer = await webhook(event);
          expect('statusCode' in answer ? answer.statusCode : 0).toBeOneOf([200, 202, 400, 413]);
        }),
        300,
        2,
      );
    },
    FUZZ_TIMEOUT,
  );

  it(
    'to the function that judges is answered, whatever it says',
    async () => {
      const { before, onError } = httpEvent({
        maxBytes: 1_000_000,
        describe: (error) =>
          error instanceof Error && error.name === 'InvalidEvaluation'
            ? { statusCode: 400, body: { error: error.message } }
            : undefined,
      });
      expect([typeof before, typeof onError]).toEqual(['function', 'function']);
      const evaluation = JSON.stringify({
        model_name: 'm',
        model_version: '1',
        token_symbol: 'x',
        metric_name: 'accuracy',
        current_value: 0.9,
        baseline_value: 0.8,
      });
      const refused = new Set(['InvalidEvaluation', 'RegistryError']);
      await fuzz(
        fc.asyncProperty(fc.oneof(nastyJson, mutated(fc.constant(evaluation))), async (text) => {
          let content: unknown;
          try {
            content = parseJson(text);
          } catch {
            return;
          }
          try {
            await readEvidence([{ name: 'documents[0]', content }], {}, () => {
              throw new Error('nobody asked for a server');
            });
          } catch (error) {
            const name = error instanceof Error ? error.name : '';
            if (name !== 'Error') expect(refused, String(error)).toContain(name);
            else expect(String(error)).toContain('nobody asked');
          }
        }),
        300,
        2,
      );
    },
    FUZZ_TIMEOUT,
  );
});
