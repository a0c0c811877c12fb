import { GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { type Answer, startHttpServer } from '../../../test/support/http-server.ts';
import { createDirect } from './direct.ts';
import { leaveOut } from './leave-out.ts';
import { DELETE, HIDE, type Operation, RECEIVE, type RequestOptions, SEND } from './operations.ts';
import { Sha256 } from './sha256.ts';

const OPTIONS: RequestOptions = { abortSignal: new AbortController().signal, requestTimeout: 5_000 };
const QUEUE = { QueueUrl: 'http://127.0.0.1/000000000000/orders' };
const HOUR = 3_600_000;

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

/** A server, and what asks it: one past the SDK, and one through it, as it comes. */
async function given(answer: Answer) {
  const server = await startHttpServer(answer);
  const settings = {
    endpoint: `${server.url}/base`,
    region: 'eu-west-1',
    credentials: { accessKeyId: 'someone', secretAccessKey: 'secret', sessionToken: 'session' },
    maxAttempts: 1,
    md5: false as const,
    useQueueUrlAsEndpoint: false,
  };
  const client = new SQSClient({ ...settings, sha256: Sha256 });
  const sdk = new SQSClient(settings);
  onTestFinished(() => {
    client.destroy();
    sdk.destroy();
  });
  leaveOut(client);
  leaveOut(sdk);
  return {
    requests: server.requests,
    sdk,
    ask: createDirect(client),
    /** As a connection does for each queue, before anything else. */
    lookUp: () => client.send(new GetQueueUrlCommand({ QueueName: 'orders' })),
  };
}

test('a request is the one that the SDK makes, to the byte and the signature', async () => {
  const { requests, sdk, ask, lookUp } = await given((_, response) => {
    // Or clocks are put right by it.
    response.sendDate = false;
    response.end('{}');
  });
  await lookUp();
  vi.useFakeTimers({ toFake: ['Date'], now: Date.UTC(2026, 10, 21) });
  async function same<Input, Output>(operation: Operation<Input, Output>, input: Input): Promise<void> {
    await operation.send(sdk, input, OPTIONS);
    await ask(operation, input, OPTIONS);
    const [through, past] = requests.slice(-2);
    expect(past).toEqual(through);
    expect(past).toMatchObject({
      url: { pathname: '/base/' },
      headers: {
        'x-amz-target': `AmazonSQS.${operation.name}`,
        authorization: expect.stringContaining('Signature='),
      },
    });
  }
  await same(SEND, {
    ...QUEUE,
    Entries: [
      {
        Id: '0',
        MessageBody: 'ü “😀” \u2028 \\ "',
        DelaySeconds: 3,
        MessageAttributes: { kind: { DataType: 'String', StringValue: 'x' } },
      },
    ],
  });
  await same(RECEIVE, { ...QUEUE, MaxNumberOfMessages: 10, VisibilityTimeout: 30, WaitTimeSeconds: 0 });
  await same(DELETE, { ...QUEUE, Entries: [{ Id: '0', ReceiptHandle: 'receipt' }] });
  await same(HIDE, { ...QUEUE, Entries: [{ Id: '0', ReceiptHandle: 'receipt', VisibilityTimeout: 0 }] });
});

test('goes through the SDK until it is known where to', async () => {
  const { requests, ask } = await given((_, response) => response.end('{}'));
  expect(await ask(RECEIVE, QUEUE, OPTIONS)).toMatchObject({ $metadata: { httpStatusCode: 200 } });
  expect(await ask(RECEIVE, QUEUE, OPTIONS)).toEqual({});
  expect(requests).toHaveLength(2);
});

test('in Lambda the SDK says what has led to the request', async () => {
  vi.stubEnv('AWS_LAMBDA_FUNCTION_NAME', 'deploy');
  const { requests, ask, lookUp } = await given((_, response) => response.end('{}'));
  await lookUp();
  // Of each invocation it is another.
  vi.stubEnv('_X_AMZN_TRACE_ID', 'Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1');
  await ask(RECEIVE, QUEUE, OPTIONS);
  expect(requests.at(-1)?.headers['x-amzn-trace-id']).toMatch(/^Root=1-5759e988/);
});

test('where the clocks differ, the next request is signed by that of AWS', async () => {
  const { requests, ask, lookUp } = await given(({ headers }, response) => {
    if (headers['x-amz-target'] === 'AmazonSQS.GetQueueUrl') return response.end('{}');
    return response
      .writeHead(403, { date: new Date(Date.now() + HOUR).toUTCString() })
      .end('{"__type":"com.amazon.coral.service#RequestExpired","Message":"too late"}');
  });
  await lookUp();
  const asking = () => ask(RECEIVE, QUEUE, OPTIONS);
  await expect(asking()).rejects.toMatchObject({
    name: 'com.amazon.coral.service#RequestExpired',
    message: 'too late',
  });
  await expect(asking()).rejects.toMatchObject({ $metadata: { httpStatusCode: 403 } });
  const [first, second] = requests.slice(-2).map(({ headers }) => signedAt(headers['x-amz-date']));
  expect(Math.abs((second ?? 0) - (first ?? 0) - HOUR)).toBeLessThan(60_000);
});

test('what is no answer of SQS is said without citing it', async () => {
  const { ask, lookUp } = await given(({ headers }, response) => {
    response.end(headers['x-amz-target'] === 'AmazonSQS.GetQueueUrl' ? '{}' : 'secret <html>');
  });
  await lookUp();
  await expect(ask(RECEIVE, QUEUE, OPTIONS)).rejects.toThrow(/^its answer is no JSON$/);
});

test('a page that stands for SQS tells by its status, a code of old by its header', async () => {
  const answers: Answer[] = [
    (_, response) => response.end('{}'),
    (_, response) => response.writeHead(502).end('<html>'),
    (_, response) =>
      response
        .writeHead(400, { 'x-amzn-query-error': 'AWS.SimpleQueueService.NonExistentQueue;Sender' })
        .end('{}'),
  ];
  const { ask, lookUp } = await given((request, response) => answers.shift()?.(request, response));
  await lookUp();
  await expect(ask(RECEIVE, QUEUE, OPTIONS)).rejects.toMatchObject({
    name: 'Unknown',
    $fault: 'server',
    $metadata: { httpStatusCode: 502 },
  });
  await expect(ask(RECEIVE, QUEUE, OPTIONS)).rejects.toMatchObject({
    name: 'AWS.SimpleQueueService.NonExistentQueue',
    $fault: 'client',
  });
});

/** Of `20261121T000000Z`. */
function signedAt(date: unknown): number {
  return Date.parse(String(date).replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5'));
}
