import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Ping } from '../../test/support/ping.ts';
import { defineConfig, topic } from '../config/define-config.ts';
import { startWorker } from '../consume/worker.ts';
import { createPublisher } from '../publish/publisher.ts';
import { createConsumers } from '../transport/memory/consumers.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import { createSqsTransport } from '../transport/sqs/sqs.ts';
import { listConsumers } from './workers.ts';

const subscription = { loadHandler: async () => ({ default: () => undefined }), lambda: { entry: 'x.ts' } };
const config = defineConfig({ topics: [topic(Ping, { one: subscription, two: subscription })] });

describe('the list of consumers', () => {
  it('names each with what it consumes and holds', async () => {
    const transport = createMemoryTransport(config);
    const work = (name: string) =>
      startWorker({
        transport,
        address: { topic: 'ping', subscription: name },
        contract: Ping,
        handler: () => new Promise(() => {}),
      });
    const workers = [work('one'), work('one'), work('two')];
    onTestFinished(async () => {
      await Promise.all(workers.map((worker) => worker.close({ deadlineMs: 0 })));
      await transport.close();
    });
    await createPublisher({ transport }).publish(Ping, { n: 1 });
    await vi.waitFor(async () => {
      const consumers = await listConsumers(transport, config);
      expect(consumers.map(({ name }) => name).toSorted()).toEqual(
        workers.map(({ name }) => name).toSorted(),
      );
      const held = (where: string) =>
        consumers.filter((one) => one.subscription === where).reduce((sum, one) => sum + one.inFlight, 0);
      expect([held('one'), held('two')]).toEqual([1, 1]);
    });
    expect(workers[0]?.name).toMatch(/^[A-Za-z0-9.-]+-\d+-[0-9a-f]{6}$/);
  });

  it('is refused in one sentence where the carrier cannot know', async () => {
    const transport = createSqsTransport(config, { endpoint: 'http://127.0.0.1:1', region: 'eu-west-1' });
    await expect(listConsumers(transport, config)).rejects.toMatchObject({
      code: 'Unsupported',
      message: expect.stringMatching(/^sqs does not know its consumers: /),
    });
    await transport.close();
  });

  it('forgets who has gone, but not while it holds something', () => {
    let now = 1_000_000;
    const consumers = createConsumers(() => now);
    consumers.saw('gone');
    consumers.saw('holds');
    now += 61_000;
    consumers.saw('here');
    const names = consumers.list(new Map([['holds', 1]])).map(({ name }) => name);
    expect(names).toEqual(['holds', 'here']);
  });
});
