import { asTransportError } from '../../src/transport/errors.ts';
import { openTransport } from '../../src/transport/url.ts';

/** Says what each call is answered: `node file-calls.ts <transport url>`. */
const [url = ''] = process.argv.slice(2);
const subscriptions = [{ name: 'test', leaseMs: 30_000, maxDeliveries: 25 }];
const transport = await openTransport(url, { prefix: 'test', topics: [{ name: 'ping', subscriptions }] });
const calls = {
  provision: () => transport.provision(),
  verify: () => transport.verify(),
  async send() {
    const [outcome] = await transport.send('ping', [{ id: '1', body: '', headers: {} }]);
    if (outcome !== undefined && outcome !== 'accepted') throw outcome.error;
  },
};
const answers: Record<string, unknown> = {};
for (const [name, call] of Object.entries(calls)) {
  answers[name] = await call().then(
    () => 'done',
    (error: unknown) => {
      const { code, message } = asTransportError(error);
      return { code, message };
    },
  );
}
console.log(JSON.stringify(answers));
await transport.close();
