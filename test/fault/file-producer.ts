import { openTransport } from '../../src/transport/url.ts';

/** Sends until it is killed, and says the id of what was accepted, one a line: `node file-producer.ts <transport url>`. */
const [url = ''] = process.argv.slice(2);
const subscriptions = [{ name: 'test', leaseMs: 30_000, maxDeliveries: 25 }];
const transport = await openTransport(url, { prefix: 'test', topics: [{ name: 'ping', subscriptions }] });
for (let batch = 0; ; batch++) {
  const messages = Array.from({ length: 20 }, (_, n) => ({
    id: `${batch}-${n}`,
    body: 'x'.repeat(20_000),
    headers: {},
  }));
  const outcomes = await transport.send('ping', messages);
  console.log(
    messages
      .filter((_, n) => outcomes[n] === 'accepted')
      .map(({ id }) => id)
      .join('\n'),
  );
}
