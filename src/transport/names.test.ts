import { expect, test } from 'vitest';
import { InvalidName } from '../message/names.ts';
import { checkNames, queueNames } from './names.ts';

test('the names of queues say what they are for', () => {
  expect(queueNames('prod', { topic: 'model_ready_to_deploy', subscription: 'deploy' }, undefined)).toEqual({
    queue: 'prod-model_ready_to_deploy-deploy',
    deadLetterQueue: 'prod-model_ready_to_deploy-deploy-dlq',
  });
});

test.each([
  ['..', 'orders', 'billing'],
  ['prod', 'Orders', 'billing'],
  ['prod', 'orders', 'bill/ing'],
  ['prod', 'orders', ''],
  ['prod', 'o'.repeat(41), 'billing'],
  ['p'.repeat(17), 'orders', 'billing'],
])('refuses %s, %s, %s', (prefix, topic, subscription) => {
  expect(() => queueNames(prefix, { topic, subscription }, false)).toThrow(InvalidName);
});

test('the longest names fit the 80 characters of a queue name', () => {
  const address = { topic: 't'.repeat(40), subscription: 's'.repeat(16) };
  expect(queueNames('p'.repeat(16), address, false).deadLetterQueue.length).toBeLessThanOrEqual(80);
});

test('an ordered topic has FIFO queues', () => {
  expect(queueNames('p', { topic: 'orders', subscription: 'billing' }, true)).toEqual({
    queue: 'p-orders-billing.fifo',
    deadLetterQueue: 'p-orders-billing-dlq.fifo',
  });
});

test('a FIFO queue whose name is too long for SQS is refused', () => {
  const address = { topic: 't'.repeat(40), subscription: 's'.repeat(16) };
  expect(queueNames('p'.repeat(13), address, true).deadLetterQueue).toHaveLength(80);
  expect(() => queueNames('p'.repeat(14), address, true)).toThrow(/has 81 characters, and SQS takes 80/);
});

function topologyOf(...addresses: readonly [topic: string, subscription: string][]) {
  return {
    prefix: 'p',
    topics: addresses.map(([name, subscription]) => ({
      name,
      subscriptions: [{ name: subscription, leaseMs: 1_000, maxDeliveries: 10 }],
    })),
  };
}

test('no two subscriptions share a queue', () => {
  expect(() => checkNames(topologyOf(['orders', 'billing'], ['orders', 'stock']))).not.toThrow();
  expect(() => checkNames(topologyOf(['a-b', 'c'], ['a', 'b-c']))).toThrow(
    'a/b-c and a-b/c would share the queue p-a-b-c',
  );
});

test('no queue is the dead-letter queue of another', () => {
  expect(() => checkNames(topologyOf(['orders', 'billing'], ['orders', 'billing-dlq']))).toThrow(InvalidName);
});
