import { openTransport } from '../../src/transport/url.ts';

/** Says the id of each notice, one a line: `node file-listener.ts <transport url>`. */
const [url = ''] = process.argv.slice(2);
const transport = await openTransport(url, { prefix: 'test', topics: [] });
await transport.broadcast?.listen('ping', {
  onNotice: ({ id }) => console.log(id),
  onAway: ({ message }) => console.log(message),
  onGap: ({ message }) => console.log(message),
});
console.log('listening');
