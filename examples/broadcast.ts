/** What docs/how-to/broadcast.md shows, as a program: node examples/broadcast.ts */
import * as z from 'zod/mini';
import { createBroadcaster, createSpy, defineMessage, openTransport } from '../src/index.ts';

const PriceChanged = defineMessage({
  name: 'price_changed',
  version: 1,
  schema: z.object({ article: z.string(), cents: z.number() }),
});

const transport = await openTransport(process.env['TRANSPORT_URL'] ?? 'memory:', {
  prefix: 'shop',
  topics: [],
});
const broadcaster = createBroadcaster({ transport, source: 'shop' });

const spy = createSpy();
const prices = new Map([
  ['a-1', 1_000],
  ['b-2', 2_000],
]);

const listener = await broadcaster.listen(
  PriceChanged,
  ({ data }, { missed }) => {
    prices.set(data.article, data.cents);
    console.log(`${data.article} costs ${data.cents}, ${missed} missed`);
  },
  // Whatever was missed is read anew when it is needed.
  { onGap: () => prices.clear() },
);

await broadcaster.notify(PriceChanged, { article: 'a-1', cents: 1_200 });

await spy.waitFor('heard', { topic: 'price_changed' });
spy.close();

await listener.close();
await broadcaster.close();
await transport.close();
