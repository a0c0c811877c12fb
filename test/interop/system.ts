import { onTestFinished } from 'vitest';
import * as z from 'zod/mini';
import {
  type Contract,
  createPublisher,
  createSpy,
  defineMessage,
  type Envelope,
  type Handler,
  openTransport,
  type Publisher,
  type Spy,
  startWorker,
  type Topology,
  type Transport,
} from '../../src/index.ts';

/** A contract that takes any object: what a dialect hands over is looked at, not changed. */
export function anything(name: string): Contract<Record<string, unknown>, Record<string, unknown>> {
  return defineMessage({ name, version: 1, schema: z.record(z.string(), z.unknown()) });
}

export function topologyOf(topic: string, ...subscriptions: readonly string[]): Topology {
  return {
    prefix: 'ours',
    topics: [
      {
        name: topic,
        subscriptions: subscriptions.map((name) => ({ name, leaseMs: 30_000, maxDeliveries: 25 })),
      },
    ],
  };
}

export interface System {
  readonly transport: Transport;
  readonly publisher: Publisher;
  readonly spy: Spy;
  /** Begins to consume; what has been handled is in the list, in order. */
  work<Data>(
    contract: Contract<Data>,
    subscription: string,
    handler?: Handler<Data>,
  ): { readonly messages: Envelope<Data>[]; handled(count: number): Promise<void>; stop(): Promise<void> };
}

/** Ours, on the other side's carrier: provisioned, and closed with the test. */
export async function openSystem(url: string, topology: Topology): Promise<System> {
  const transport = await openTransport(url, topology);
  await transport.provision();
  const publisher = createPublisher({ transport, source: 'ours' });
  const spy = createSpy();
  const stops: (() => Promise<void>)[] = [];
  onTestFinished(async () => {
    for (const stop of stops) await stop();
    await publisher.close();
    await transport.close();
    spy.close();
  });

  return {
    transport,
    publisher,
    spy,
    work<Data>(contract: Contract<Data>, subscription: string, handler?: Handler<Data>) {
      const messages: Envelope<Data>[] = [];
      const waiting = new Map<() => void, number>();
      const worker = startWorker({
        transport,
        address: { topic: contract.name, subscription },
        contract,
        retry: { maxAttempts: 4, baseMs: 1, maxMs: 5 },
        handler: async (message, context) => {
          await handler?.(message, context);
          messages.push(message);
          for (const [resolve, count] of waiting) if (messages.length >= count) resolve();
        },
      });
      const stop = (): Promise<void> => worker.close({ deadlineMs: 1_000 });
      stops.push(stop);
      return {
        messages,
        stop,
        handled: (count) =>
          new Promise((resolve) => {
            if (messages.length >= count) resolve();
            else waiting.set(resolve, count);
          }),
      };
    },
  };
}
