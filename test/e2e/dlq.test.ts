import { request } from 'node:http';
import { afterAll, beforeAll, expect, it, onTestFinished, vi } from 'vitest';
import config from '../../hikyaku.config.ts';
import { deadLetterHeaders } from '../../src/message/dead-letter.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { openTransport } from '../../src/transport/url.ts';
import { runHere, startCli } from '../support/cli.ts';
import { type Fauxqs, startTestFauxqs } from '../support/fauxqs.ts';
import { startHttpServer } from '../support/http-server.ts';

const TOPIC = 'model_ready_to_deploy';
const ADDRESS = { topic: TOPIC, subscription: 'deploy' } as const;

let emulator: Fauxqs;
let transport: Transport;
let url: string;

beforeAll(async () => {
  emulator = await startTestFauxqs();
  url = `sqs://127.0.0.1:${emulator.port}?region=eu-west-1`;
  transport = await openTransport(url, config);
  await transport.provision();
});
afterAll(async () => {
  await transport.close();
  await emulator.stop();
});

const cli = (...words: string[]) => runHere(words, { TRANSPORT_URL: url });

/** Gives these messages up; the errors are as long as they are. */
async function bury(letters: Readonly<Record<string, 'rejected' | 'exhausted'>>): Promise<void> {
  for (const [id, code] of Object.entries(letters)) {
    await transport.send(TOPIC, [{ id, body: `{"of":"${id}"}`, headers: {} }]);
    const [delivery] = await transport.receive(ADDRESS, { max: 1, waitMs: 1_000, leaseMs: 10_000 });
    if (delivery === undefined) throw new Error('the message has not come');
    const at = new Date().toISOString();
    const history = [{ attempt: 1, at, error: 'first' }];
    const headers = deadLetterHeaders({
      code,
      message: `why ${id} ${'x'.repeat(100)}`,
      at,
      attempts: 2,
      history,
    });
    const { receipt } = delivery;
    expect(await transport.settle(ADDRESS, [{ receipt, action: 'deadLetter', headers }])).toEqual([
      'settled',
    ]);
  }
}

const empty = { ready: 0, inFlight: 0, delayed: 0, dead: 0 };

it('dead letters are listed, shown, replayed at a rate, and purged', async () => {
  expect((await cli('dlq', 'list', TOPIC)).stdout).toBe('no dead letters\n');
  await bury({ a: 'rejected', b: 'exhausted', c: 'rejected', d: 'exhausted' });

  const listed = await cli('dlq', 'list', TOPIC);
  expect(listed.stdout).toMatch(/a +│? *rejected/);
  expect(listed.stdout).toMatch(/why a x+…/);
  const some = await cli('dlq', 'list', TOPIC, '--reason', 'exhausted', '--json');
  expect(some.events.map(({ id }) => id).toSorted()).toEqual(['b', 'd']);

  const shown = await cli('dlq', 'show', TOPIC, 'a');
  expect(shown.stdout).toMatch(/attempt 1 .* first/);
  expect(shown.stdout).toContain('{"of":"a"}');
  expect((await cli('dlq', 'show', TOPIC, 'a', '--json')).events).toMatchObject([
    { id: 'a', body: '{"of":"a"}' },
  ]);
  expect(await cli('dlq', 'show', TOPIC, 'nobody')).toMatchObject({ code: 4 });

  const undecided = await cli('dlq', 'replay', TOPIC);
  expect(undecided).toMatchObject({ code: 2, stderr: expect.stringMatching(/which ones\?.*--all/) });
  const tooSlow = await cli('dlq', 'replay', TOPIC, '--all', '--rate', '0');
  expect(tooSlow).toMatchObject({ code: 2, stderr: expect.stringMatching(/whole number from 1 to/) });

  const would = await cli('dlq', 'replay', TOPIC, '--all', '--dry-run');
  expect(would.stdout).toContain('would be replayed: 4');
  expect(await transport.depth(ADDRESS)).toEqual({ ...empty, dead: 4 });

  const startedAt = performance.now();
  const replayed = await cli('dlq', 'replay', TOPIC, '--reason', 'rejected', '--rate', '1', '--json');
  expect(replayed.events.map(({ id, was }) => [id, was]).toSorted()).toEqual([
    ['a', 'replayed'],
    ['c', 'replayed'],
  ]);
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(990);
  expect(await transport.depth(ADDRESS)).toEqual({ ...empty, ready: 2, dead: 2 });

  const peeked = await cli('peek', TOPIC);
  expect(peeked.stdout).toContain('{"of":"a"}');
  expect((await cli('status')).stdout).toMatch(/model_ready_to_deploy/);

  const missing = await cli('dlq', 'purge', TOPIC, 'b', 'nobody');
  expect(missing).toMatchObject({ code: 4, stderr: expect.stringContaining('no dead letter nobody') });
  expect((await cli('dlq', 'purge', TOPIC, '--all')).stdout).toContain('purged: 1');
  expect(await transport.depth(ADDRESS)).toMatchObject({ ready: 2, dead: 0 });
});

it('dead letters are grouped by what they died of, and a group is replayed or purged', async () => {
  // What the case before has replayed.
  const left = await transport.receive(ADDRESS, { max: 10, waitMs: 1_000, leaseMs: 10_000 });
  await transport.settle(
    ADDRESS,
    left.map(({ receipt }) => ({ receipt, action: 'ack' })),
  );
  await bury({ 'order-1': 'rejected', 'order-2': 'rejected', 'order-3': 'exhausted' });
  const { events } = await cli('dlq', 'list', TOPIC, '--groups', '--json');
  expect(events).toMatchObject([
    {
      fingerprint: expect.stringMatching(/^[0-9a-f]{10}$/),
      code: 'rejected',
      count: 2,
      pattern: `why order-<n> ${'x'.repeat(100)}`,
      first: expect.stringMatching(/Z$/),
      last: expect.stringMatching(/Z$/),
      example: 'order-2',
    },
    { code: 'exhausted', count: 1, example: 'order-3' },
  ]);
  const [rejected, exhausted] = events.map(({ fingerprint }) => String(fingerprint));
  if (rejected === undefined || exhausted === undefined) throw new Error('there are no groups');
  const listed = await cli('dlq', 'list', TOPIC, '--groups');
  expect(listed.stdout).toMatch(new RegExp(`${rejected} +│? *2 +│? *rejected`));
  const some = await cli('dlq', 'list', TOPIC, '--group', rejected, '--json');
  expect(some.events.map(({ id }) => id).toSorted()).toEqual(['order-1', 'order-2']);

  const none = await cli('dlq', 'purge', TOPIC, '--group', '0000000000');
  expect(none).toMatchObject({ code: 4, stderr: expect.stringContaining('--groups" shows those there are') });
  const replayed = await cli('dlq', 'replay', TOPIC, '--group', rejected, '--json');
  expect(replayed.events.map(({ id }) => id).toSorted()).toEqual(['order-1', 'order-2']);
  expect((await cli('dlq', 'purge', TOPIC, '--group', exhausted)).stdout).toContain('purged: 1');
  expect((await cli('dlq', 'list', TOPIC, '--groups')).stdout).toBe('no dead letters\n');
});

/** Takes away what other cases have left. */
async function clear(): Promise<void> {
  await cli('dlq', 'purge', TOPIC, '--all');
  for (;;) {
    const left = await transport.receive(ADDRESS, { max: 10, waitMs: 0, leaseMs: 10_000 });
    if (left.length === 0) return;
    await transport.settle(
      ADDRESS,
      left.map(({ receipt }) => ({ receipt, action: 'ack' })),
    );
  }
}

/** The URL of the same queues, where somebody is told of each request before it goes on. */
async function watched(onRequest: (action: string) => Promise<void> | void): Promise<string> {
  const server = await startHttpServer(async ({ method, url, headers, body }, response) => {
    await onRequest(String(headers['x-amz-target']).replace('AmazonSQS.', ''));
    const onward = request({ port: emulator.port, method, path: url.pathname, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(response);
    });
    onward.end(body);
  });
  return `${server.url.replace('http:', 'sqs:')}?region=eu-west-1`;
}

it('a replay is ended by one Ctrl-C that arrives twice, as from a terminal and from npm', async () => {
  await clear();
  await bury({
    a: 'rejected',
    b: 'exhausted',
    c: 'exhausted',
    d: 'exhausted',
    e: 'exhausted',
    f: 'exhausted',
  });
  const released = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const environment = {
    TRANSPORT_URL: await watched((action) => {
      if (action !== 'ChangeMessageVisibilityBatch') return;
      released.resolve();
      return goOn.promise;
    }),
  };
  const replaying = startCli(['dlq', 'replay', TOPIC, 'b', 'c', 'd', 'e', 'f', '--rate', '1'], environment);
  onTestFinished(() => void replaying.child.kill('SIGKILL'));
  await vi.waitFor(async () => expect((await transport.depth(ADDRESS)).ready).toBeGreaterThan(0), 10_000);
  replaying.child.kill('SIGINT');
  await released.promise;
  replaying.child.kill('SIGINT');
  goOn.resolve();
  expect(await replaying.exit, replaying.stderr()).toBe(0);
  expect(replaying.stderr()).toBe('');
  const [, count] = /^replayed: ([1-4])$/m.exec(replaying.stdout()) ?? [];
  expect(await transport.depth(ADDRESS)).toEqual({ ...empty, ready: Number(count), dead: 6 - Number(count) });
});

it.each([
  ['by ids', (_: string) => ['b', 'c']],
  ['by group', (fingerprint: string) => ['--group', fingerprint]],
])('a replay %s that is stopped says nothing of those it did not come to', async (_, wordsFor) => {
  await clear();
  await bury({ a: 'rejected', b: 'exhausted', c: 'exhausted' });
  const groups = (await cli('dlq', 'list', TOPIC, '--groups', '--json')).events;
  const group = groups.find(({ code }) => code === 'exhausted');
  let told = false;
  const url = await watched((action) => {
    if (told || action !== 'ReceiveMessage') return;
    told = true;
    process.emit('SIGINT');
  });
  const selected = wordsFor(String(group?.['fingerprint']));
  const stopped = await runHere(['dlq', 'replay', TOPIC, ...selected, '--rate', '1'], { TRANSPORT_URL: url });
  expect(stopped).toMatchObject({ code: 0, stdout: 'replayed: 0\n', stderr: '' });
  expect(await transport.depth(ADDRESS)).toEqual({ ...empty, dead: 3 });
});
