import { request } from 'node:http';
import { App, Stack } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createS3Claims } from '../src/model-ready/deploy/claims/s3.ts';
import { queueNames } from '../src/transport/names.ts';
import type { Transport } from '../src/transport/transport.ts';
import { openTransport } from '../src/transport/url.ts';
import { type Fauxqs, startTestFauxqs } from '../test/support/fauxqs.ts';
import { startHttpServer } from '../test/support/http-server.ts';
import { startS3 } from '../test/support/s3-server.ts';
import { mayClaim, mayConsume, mayOperate, mayPublish } from './permissions.ts';
import { testConfig } from './test-config.ts';

const ADDRESS = { topic: 'order_placed', subscription: 'mail' } as const;
const OTHER = { topic: 'model_ready_to_deploy', subscription: 'deploy' } as const;
const NAMES = queueNames('test', ADDRESS, false);

let fauxqs: Fauxqs;
beforeAll(async () => {
  fauxqs = await startTestFauxqs();
  return () => fauxqs.stop();
});

const stack = new Stack(new App(), 'test');

/** `action on queue`, for all that the statements allow. */
function rightsOf(statements: readonly PolicyStatement[]): Set<string> {
  return new Set(
    statements.flatMap(({ actions, resources }) =>
      resources.flatMap((arn) => actions.map((action) => `${action} on ${arn.replace(/^.*:/, '')}`)),
    ),
  );
}

/** The action that IAM asks for, of what the SDK calls: of a batch, that of one. */
const ACTIONS: Readonly<Record<string, string>> = {
  SendMessageBatch: 'SendMessage',
  DeleteMessageBatch: 'DeleteMessage',
  ChangeMessageVisibilityBatch: 'ChangeMessageVisibility',
};

/** The SQS driver in front of a server that lets through what the rights allow, as IAM does. */
async function driverWith(rights: ReadonlySet<string>): Promise<{ transport: Transport; used: Set<string> }> {
  const used = new Set<string>();
  const server = await startHttpServer(({ method, url, headers, body }, response) => {
    const call = String(headers['x-amz-target']).replace('AmazonSQS.', '');
    const { QueueUrl, QueueName } = JSON.parse(body);
    const queue = String(QueueName ?? QueueUrl).replace(/^.*\//, '');
    const right = `sqs:${ACTIONS[call] ?? call} on ${queue}`;
    if (!rights.has(right)) {
      response.writeHead(403, { 'content-type': 'application/x-amz-json-1.0' });
      response.end(JSON.stringify({ __type: 'com.amazonaws.sqs#AccessDeniedException', message: right }));
      return;
    }
    used.add(right);
    const onward = request({ port: fauxqs.port, method, path: url.pathname, headers }, (reply) => {
      response.writeHead(reply.statusCode ?? 500, reply.headers);
      reply.pipe(response);
    });
    onward.end(body);
  });
  const transport = await openTransport(server.url.replace('http:', 'sqs:'), testConfig);
  onTestFinished(() => transport.close());
  return { transport, used };
}

/** All that any role does with a subscription, by the name of the method. */
const DEEDS = {
  send: (transport: Transport) => transport.send(ADDRESS.topic, [message()]),
  sendElsewhere: (transport: Transport) => transport.send(OTHER.topic, [message()]),
  receive: (transport: Transport) => transport.receive(ADDRESS, { max: 1, waitMs: 0, leaseMs: 1_000 }),
  depth: (transport: Transport) => transport.depth(ADDRESS),
  scan: (transport: Transport) => transport.deadLetters.scan(ADDRESS, { max: 1, leaseMs: 1_000 }),
  provision: (transport: Transport) => transport.provision(),
} as const;

let count = 0;
const message = () => ({ id: `m-${count++}`, body: '{}', headers: {} });

/** The deeds that are refused. */
async function refused(transport: Transport): Promise<string[]> {
  const outcomes = await Promise.all(
    Object.entries(DEEDS).map(async ([name, act]) => {
      const outcome = await act(transport).catch((error: unknown) => error);
      return JSON.stringify(outcome, denied)?.includes('"Denied"') ? [name] : [];
    }),
  );
  return outcomes.flat();
}
const denied = (_key: string, value: unknown) =>
  value instanceof Error ? { code: Reflect.get(value, 'code') } : value;

describe('rights on the bucket of claims', () => {
  const rights = rightsOf(mayClaim('arn:aws:s3:::models', 'deployed'));

  it('let claims be read and written below their folder, and nothing else', async () => {
    const used = new Set<string>();
    const server = await startS3('models', (asked) => {
      const right = asked.replace(/[^/]+\.json$/, '*');
      used.add(right);
      return rights.has(right);
    });
    onTestFinished(server.stop);
    const claims = (prefix: string) =>
      createS3Claims({
        bucket: 'models',
        prefix,
        region: 'eu-west-1',
        endpoint: server.url,
        credentials: async () => ({ accessKeyId: 'test', secretAccessKey: 'test' }),
      });
    const store = claims('deployed');
    expect(await store.read('churn')).toBeUndefined();
    expect(await store.write('churn', '1', undefined)).toBe(true);
    expect(await store.read('churn')).toMatchObject({ text: '1' });
    expect(used).toEqual(rights);
    await expect(claims('other').read('churn')).rejects.toMatchObject({ code: 'Denied' });
    await expect(claims('other').write('churn', '1', undefined)).rejects.toMatchObject({ code: 'Denied' });
  });
});

describe('rights on SQS', () => {
  const all = async (): Promise<Transport> => {
    const transport = await openTransport(`sqs://127.0.0.1:${fauxqs.port}`, testConfig);
    onTestFinished(() => transport.close());
    await transport.provision();
    return transport;
  };

  it('let a publisher publish on its topic, and nothing else', async () => {
    await all();
    const [, topic] = testConfig.topics;
    if (topic === undefined) return expect.unreachable();
    const rights = rightsOf([mayPublish(stack, 'test', topic)]);
    const { transport, used } = await driverWith(rights);
    expect(await transport.send(ADDRESS.topic, [message(), message()])).toEqual(['accepted', 'accepted']);
    expect(used).toEqual(rights);
    expect(await refused(transport)).toEqual(['sendElsewhere', 'receive', 'depth', 'scan', 'provision']);
  });

  it('let a consumer consume its subscription and dead-letter from it, and nothing else', async () => {
    const operator = await all();
    await operator.send(ADDRESS.topic, [message(), message(), message(), message()]);
    const rights = rightsOf(mayConsume(stack, NAMES));
    const { transport, used } = await driverWith(rights);
    const taken = await transport.receive(ADDRESS, { max: 10, waitMs: 1_000, leaseMs: 30_000 });
    const [first, second, third, fourth] = taken.map(({ receipt }) => receipt);
    if (!first || !second || !third || !fourth) return expect.unreachable();
    await transport.extend(ADDRESS, [first], 30_000);
    const outcomes = await transport.settle(ADDRESS, [
      { receipt: first, action: 'ack' },
      { receipt: second, action: 'retry', delayMs: 60_000 },
      { receipt: third, action: 'deadLetter', headers: {} },
      { receipt: fourth, action: 'postpone', delayMs: 60_000 },
    ]);
    expect(outcomes).toEqual(['settled', 'settled', 'settled', 'settled']);
    // Lambda's event source asks for it.
    const lambdas = `sqs:GetQueueAttributes on ${NAMES.queue}`;
    expect(rights.difference(used)).toEqual(new Set([lambdas]));
    // It may put messages into its own queue, and no other: so it stores what is postponed.
    expect(await refused(transport)).toEqual(['sendElsewhere', 'depth', 'scan', 'provision']);
    const fifo = rightsOf(mayConsume(stack, queueNames('test', ADDRESS, true)));
    expect([...fifo].filter((right) => right.startsWith('sqs:SendMessage'))).toEqual([
      'sqs:SendMessage on test-order_placed-mail-dlq.fifo',
    ]);
  });

  it('let an operator look, replay and purge, and neither take messages nor create queues', async () => {
    const everybody = await all();
    await everybody.send(ADDRESS.topic, [message(), message(), message()]);
    const taken = await everybody.receive(ADDRESS, { max: 10, waitMs: 1_000, leaseMs: 30_000 });
    const dead = taken.map(({ receipt }) => ({ receipt, action: 'deadLetter', headers: {} }) as const);
    await everybody.settle(ADDRESS, dead);
    const rights = rightsOf(mayOperate(stack, NAMES));
    const { transport, used } = await driverWith(rights);
    await transport.depth(ADDRESS);
    const letters = await transport.deadLetters.scan(ADDRESS, { max: 10, leaseMs: 30_000 });
    const [replayed, purged, ...released] = letters;
    if (!replayed || !purged) return expect.unreachable();
    await transport.deadLetters.replay(ADDRESS, [{ letter: replayed, headers: {} }]);
    await transport.deadLetters.purge(ADDRESS, [purged]);
    await transport.deadLetters.release(ADDRESS, released);
    expect(used).toEqual(rights);
    expect(await refused(transport)).toEqual(['sendElsewhere', 'receive', 'provision']);
  });
});
