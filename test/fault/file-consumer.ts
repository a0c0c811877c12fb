import { openTransport } from '../../src/transport/url.ts';

/**
 * Takes, says the id of each message, one a line, and acknowledges: `node file-consumer.ts <transport url> <lease in ms>
 * <most at once>`. With a lease below zero it says them and holds on to them for ever.
 */
const [url = '', lease = '', most = ''] = process.argv.slice(2);
const subscriptions = [{ name: 'test', leaseMs: 30_000, maxDeliveries: 25 }];
const transport = await openTransport(url, { prefix: 'test', topics: [{ name: 'ping', subscriptions }] });
const address = { topic: 'ping', subscription: 'test' };
const options = { max: Number(most), waitMs: 20_000, leaseMs: Math.abs(Number(lease)) };
await transport.receive(address, { ...options, max: 0, waitMs: 0 });
console.log('ready');
for (;;) {
  const received = await transport.receive(address, options);
  if (received.length > 0) console.log(received.map(({ id }) => id).join('\n'));
  if (Number(lease) < 0) continue;
  const acks = received.map(({ receipt }) => ({ receipt, action: 'ack' }) as const);
  for (const outcome of await transport.settle(address, acks)) if (outcome !== 'settled') throw outcome;
}
