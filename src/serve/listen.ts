import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';

export interface Listening {
  /** With the port that was taken. */
  readonly url: string;
  /** Takes no more requests, and resolves once those in flight are answered, or after 20 s. */
  close(): Promise<void>;
}

/** The address or the port is another program's, or not of this machine. */
export class CannotListen extends Error {
  override readonly name = 'CannotListen';
}

/** How long a request may take, head and body: somebody who sends byte after byte holds a connection no longer. In ms. */
const LONGEST_REQUEST_MS = 30_000;
/** What runs the process kills it after 30 s, as a rule. */
const LONGEST_CLOSE_MS = 20_000;
const LOOK_EVERY_MS = 50;

/** Serves an app on a port; 0 takes a free one. Rejects with {@link CannotListen} if the port cannot be had. */
export async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  { port, host }: { readonly port: number; readonly host: string },
): Promise<Listening> {
  const server: Server<typeof IncomingMessage, typeof ServerResponse> = createServer(
    { requestTimeout: LONGEST_REQUEST_MS },
    getRequestListener(fetch),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new CannotListen(`port ${port} cannot be had: ${cause.message}`, { cause }));
    });
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const taken = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    async close() {
      // A client may keep its connection after the last answer, for as long as it likes.
      const leave = setInterval(() => server.closeIdleConnections(), LOOK_EVERY_MS);
      const cut = setTimeout(() => server.closeAllConnections(), LONGEST_CLOSE_MS);
      await new Promise((resolve) => server.close(resolve));
      clearInterval(leave);
      clearTimeout(cut);
    },
  };
}
