import { createServer } from 'node:net';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { startTestFauxqs } from '../../../test/support/fauxqs.ts';
import { startSqsServer } from '../../../test/support/sqs-server.ts';
import { givenSqsServer } from '../../../test/support/sqs-transport.ts';
import { startTcpProxy } from '../../../test/support/tcp-proxy.ts';
import { BILLING, TOPOLOGY } from '../../../test/support/topology.ts';
import type { Transport } from '../transport.ts';
import { createSqsTransport, type SqsOptions } from './sqs.ts';

const MESSAGE = { id: '1', body: 'x', headers: {}, only: ['billing'] };
const POLL = { max: 1, waitMs: 20_000, leaseMs: 1_000 };

afterEach(() => {
  vi.unstubAllEnvs();
  vi.useRealTimers();
});

function open(options: SqsOptions): Transport {
  const transport = createSqsTransport(TOPOLOGY, options);
  onTestFinished(() => transport.close());
  return transport;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || address === null) throw new Error('no port');
  return address.port;
}

test('SQS that is not there is unavailable, and it says where it was looked for', async () => {
  const endpoint = `http://127.0.0.1:${await freePort()}`;
  const transport = open({ endpoint, region: 'eu-west-1' });
  for (const call of [
    () => transport.send('orders', [MESSAGE]),
    () => transport.receive(BILLING, POLL),
    () => transport.verify(),
  ]) {
    await expect(call()).rejects.toMatchObject({
      code: 'Unavailable',
      retryable: true,
      message: expect.stringMatching(`SQS at ${endpoint} cannot be reached: ECONNREFUSED`),
    });
  }
});

test('SQS that goes away and comes back is found again, without a restart of ours', async () => {
  const first = await startTestFauxqs();
  const transport = open(first.options);
  await transport.provision();
  expect(await transport.send('orders', [MESSAGE])).toEqual(['accepted']);
  const polling = transport
    .receive({ topic: 'orders', subscription: 'stock' }, POLL)
    .catch((error: unknown) => error);
  await transport.depth(BILLING);
  await first.stop();
  const polled = await polling;
  if (!Array.isArray(polled)) expect(polled).toMatchObject({ code: 'Unavailable' });
  await expect(transport.send('orders', [MESSAGE])).rejects.toMatchObject({ code: 'Unavailable' });
  const second = await startTestFauxqs({ port: first.port });
  onTestFinished(() => second.stop());
  await vi.waitFor(() => transport.provision());
  expect(await transport.send('orders', [MESSAGE])).toEqual(['accepted']);
});

test('missing credentials are one sentence', async () => {
  for (const name of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_PROFILE'])
    vi.stubEnv(name, undefined);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('AWS_CONFIG_FILE', '/nonexistent');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/nonexistent');
  const transport = open({ region: 'eu-west-1' });
  await expect(transport.send('orders', [MESSAGE])).rejects.toMatchObject({
    code: 'Denied',
    message: expect.stringMatching(/^there are no AWS credentials: set AWS_ACCESS_KEY_ID/),
  });
});

test('an emulator is given the credentials of the environment, where there are any', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  await transport.send('orders', [MESSAGE]);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'from-the-environment');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  await open({ endpoint: server.endpoint, region: 'eu-west-1' }).send('orders', [MESSAGE]);
  const ids = server.requests.map(({ accessKeyId }) => accessKeyId);
  expect(new Set(ids)).toEqual(new Set(['emulator', 'from-the-environment']));
});

test('the URL of a queue is looked up once', async () => {
  const { server, transport } = await givenSqsServer(() => undefined);
  await Promise.all([transport.send('orders', [MESSAGE]), transport.send('orders', [MESSAGE])]);
  await transport.send('orders', [MESSAGE]);
  expect(server.count('GetQueueUrl')).toBe(1);
  expect(server.count('SendMessageBatch')).toBe(3);
});

test('a look-up that failed is tried again by the next call', async () => {
  let lookUps = 0;
  const { transport } = await givenSqsServer(({ action }) => {
    if (action !== 'GetQueueUrl') return undefined;
    lookUps++;
    if (lookUps === 1) return 'cut';
    return lookUps === 2 ? { output: {} } : undefined;
  });
  await expect(transport.send('orders', [MESSAGE])).rejects.toMatchObject({ code: 'Unavailable' });
  await expect(transport.send('orders', [MESSAGE])).rejects.toMatchObject({ code: 'Unavailable' });
  expect(await transport.send('orders', [MESSAGE])).toEqual(['accepted']);
});

test('an endpoint of the environment is asked about queues too, whatever their URLs say', async () => {
  const { server } = await givenSqsServer(({ action, queue }) =>
    action === 'GetQueueUrl' ? { output: { QueueUrl: `http://127.0.0.1:1/0/${queue}` } } : undefined,
  );
  vi.stubEnv('AWS_ENDPOINT_URL_SQS', server.endpoint);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'from-the-environment');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret');
  const warn = vi.spyOn(console, 'warn');
  onTestFinished(() => warn.mockRestore());
  expect(await open({ region: 'eu-west-1' }).send('orders', [MESSAGE])).toEqual(['accepted']);
  expect(warn).not.toHaveBeenCalled();
});

test('a queue that was deleted and made again is found at its new URL', async () => {
  let made = 'p-orders-billing';
  const { server, transport } = await givenSqsServer(({ action, queue }) => {
    if (action === 'GetQueueUrl') return { output: { QueueUrl: `http://127.0.0.1:1/0/${made}` } };
    return queue === made ? undefined : { error: 'QueueDoesNotExist' };
  });
  expect(await transport.send('orders', [MESSAGE])).toEqual(['accepted']);
  made = 'made-again';
  await expect(transport.send('orders', [MESSAGE])).rejects.toMatchObject({ code: 'NotFound' });
  expect(await transport.send('orders', [MESSAGE])).toEqual(['accepted']);
  expect(server.count('GetQueueUrl')).toBe(2);
});

test('a queue that is missing is named, with what to do', async () => {
  const emulator = await startTestFauxqs();
  onTestFinished(() => emulator.stop());
  const transport = open(emulator.options);
  await transport.provision();
  emulator.deleteQueue('p-orders-billing');
  emulator.deleteQueue('p-orders-stock-dlq');
  await expect(transport.verify()).rejects.toMatchObject({
    code: 'NotFound',
    message: `SQS at ${emulator.options.endpoint} has no queue p-orders-billing, p-orders-stock-dlq: deploy the stack, or create what is missing with hikyaku provision`,
  });
});

test('a driver asks once; to ask again is for others', async () => {
  const { server, transport } = await givenSqsServer(({ action }) =>
    action === 'SendMessageBatch' ? { error: 'InternalFailure', status: 500 } : undefined,
  );
  await expect(transport.send('orders', [MESSAGE])).rejects.toMatchObject({ code: 'Unavailable' });
  expect(server.count('SendMessageBatch')).toBe(1);
});

test('a server that is not SQS is no reason to crash', async () => {
  const { transport } = await givenSqsServer(() => ({ page: '<h1>It works!</h1>', status: 200 }));
  await expect(transport.send('orders', [MESSAGE])).rejects.toMatchObject({ name: 'TransportError' });
  const { transport: away } = await givenSqsServer(() => ({ page: '<h1>Bad gateway</h1>', status: 502 }));
  await expect(away.send('orders', [MESSAGE])).rejects.toMatchObject({ code: 'Unavailable' });
});

test('a send does not wait for long polls, however many there are', async () => {
  const { server, transport } = await givenSqsServer(({ action }) =>
    action === 'ReceiveMessage' ? 'hang' : undefined,
  );
  await transport.send('orders', [MESSAGE]);
  const stop = new AbortController();
  const polls = Promise.all(
    Array.from({ length: 60 }, () => transport.receive(BILLING, { ...POLL, signal: stop.signal })),
  );
  await expect.poll(() => server.count('ReceiveMessage'), { timeout: 10_000 }).toBeGreaterThanOrEqual(50);
  const first = await Promise.race([transport.send('orders', [MESSAGE]), polls]);
  expect(first).toEqual(['accepted']);
  stop.abort();
  await polls;
});

test('a connection that died silently is given up', async () => {
  const { server, transport } = await givenSqsServer(({ action }) =>
    action === 'GetQueueUrl' ? undefined : 'hang',
  );
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const sent = transport.send('orders', [MESSAGE]).catch((error: unknown) => error);
  const polled = transport.receive(BILLING, POLL).catch((error: unknown) => error);
  await vi.waitFor(() => expect(server.requests).toHaveLength(3));
  await vi.advanceTimersByTimeAsync(7_000);
  expect(await sent).toMatchObject({ code: 'Unavailable' });
  expect(await Promise.race([polled, 'still waiting'])).toBe('still waiting');
  await vi.advanceTimersByTimeAsync(16_000);
  expect(await polled).toMatchObject({ code: 'Unavailable' });
});

test('after one connection has died silently, no other that was kept is waited for', async () => {
  const server = await startSqsServer(() => undefined);
  const proxy = await startTcpProxy(Number(new URL(server.endpoint).port));
  onTestFinished(async () => {
    await proxy.stop();
    await server.stop();
  });
  const transport = open({ endpoint: `http://127.0.0.1:${proxy.port}`, region: 'eu-west-1' });
  await transport.send('orders', [MESSAGE]);
  await Promise.all(Array.from({ length: 5 }, () => transport.send('orders', [MESSAGE])));
  expect(proxy.connections).toBeGreaterThan(3);
  proxy.silence();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const silent = transport.send('orders', [MESSAGE]).catch((error: unknown) => error);
  await vi.advanceTimersByTimeAsync(0);
  await new Promise(setImmediate);
  await vi.advanceTimersByTimeAsync(7_000);
  expect(await silent).toMatchObject({ code: 'Unavailable' });
  vi.useRealTimers();
  proxy.heal();
  expect(await transport.send('orders', [MESSAGE])).toEqual(['accepted']);
}, 6_000);

test('an answer that begins and never ends is given up', async () => {
  const { server, transport } = await givenSqsServer(({ action }) =>
    action === 'GetQueueUrl' ? undefined : 'stall',
  );
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const sent = transport.send('orders', [MESSAGE]).catch((error: unknown) => error);
  const polled = transport.receive(BILLING, POLL).catch((error: unknown) => error);
  await vi.waitFor(() => expect(server.requests).toHaveLength(3));
  await vi.advanceTimersByTimeAsync(30_000);
  expect(await sent).toMatchObject({ code: 'Unavailable' });
  await vi.advanceTimersByTimeAsync(16_000);
  expect(await polled).toMatchObject({
    code: 'Unavailable',
    message: expect.stringContaining('did not end its answer within 45000 ms'),
  });
});

test('stopping a receive does not wait for a look-up that hangs', async () => {
  const { server, transport } = await givenSqsServer(() => 'hang');
  const stop = new AbortController();
  const received = transport.receive(BILLING, { ...POLL, signal: stop.signal });
  await expect.poll(() => server.count('GetQueueUrl')).toBe(1);
  stop.abort();
  expect(await received).toEqual([]);
});

test('closing lets calls under way end, except polls', async () => {
  const answered = Promise.withResolvers<undefined>();
  const server = await startSqsServer(({ action }) => {
    if (action === 'SendMessageBatch') return answered.promise;
    return action === 'ReceiveMessage' ? 'hang' : undefined;
  });
  onTestFinished(() => server.stop());
  const transport = open({ endpoint: server.endpoint, region: 'eu-west-1' });
  const polled = transport.receive(BILLING, POLL).catch((error: unknown) => error);
  await expect.poll(() => server.count('ReceiveMessage')).toBe(1);
  const sent = transport.send('orders', [MESSAGE]);
  await expect.poll(() => server.count('SendMessageBatch')).toBe(1);
  const closed = Promise.all([transport.close(), transport.close()]);
  answered.resolve(undefined);
  expect(await sent).toEqual(['accepted']);
  await closed;
  expect(await polled).toMatchObject({ code: 'Closed' });
});
