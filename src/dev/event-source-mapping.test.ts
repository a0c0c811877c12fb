import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { PING, topologyOf } from '../../test/support/ping.ts';
import { queueNames } from '../transport/names.ts';
import type { Transport } from '../transport/transport.ts';
import { openTransport } from '../transport/url.ts';
import { type Emulator, startEmulator } from './emulator.ts';
import { startEventSourceMapping } from './event-source-mapping.ts';

let emulator: Emulator;
let transport: Transport;
beforeAll(async () => {
  emulator = await startEmulator();
  transport = await openTransport(emulator.url, topologyOf('ping', 'test'));
  await transport.provision();
});
afterAll(async () => {
  await transport.close();
  await emulator.stop();
});

/** Sends one message to a function that answers so; resolves when it has been invoked and its answer judged. */
async function answering(answer: unknown): Promise<unknown[]> {
  const errors: unknown[] = [];
  const invoke = vi.fn(async () => answer);
  const mapping = startEventSourceMapping({
    endpoint: emulator.endpoint,
    region: 'us-east-1',
    queueName: queueNames('test', PING, false).queue,
    invoke,
    batchSize: 10,
    maxConcurrency: 1,
    functionTimeoutMs: 1_000,
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => mapping.close());
  expect(await transport.send('ping', [{ id: 'id', body: 'x', headers: {} }])).toEqual(['accepted']);
  await vi.waitFor(() => expect(invoke).toHaveBeenCalled(), 5_000);
  await mapping.close();
  return errors;
}

describe('a function behind the local event source', () => {
  it.each([[undefined], [null], [{}], [{ batchItemFailures: null }], [{ batchItemFailures: [] }]])(
    'that answers %j has handled its batch, as on AWS',
    async (answer) => {
      expect(await answering(answer)).toEqual([]);
      expect(await transport.depth(PING)).toMatchObject({ ready: 0, inFlight: 0 });
    },
  );

  it.each([
    ['done'],
    [{ batchItemFailures: 'all' }],
    [{ batchItemFailures: [null] }],
    [{ batchItemFailures: [{ id: 'id' }] }],
  ])('that answers %j has failed, and is told what was expected', async (answer) => {
    const before = (await transport.depth(PING)).inFlight;
    const [error] = await answering(answer);
    expect(String(error)).toContain(
      `the function answered ${JSON.stringify(answer)}: expected nothing, or {"batchItemFailures"`,
    );
    expect(await transport.depth(PING)).toMatchObject({ inFlight: before + 1 });
  });
});
