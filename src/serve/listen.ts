import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';

export interface Listening {
  /** With the port that was taken. */
  readonly url: string;
  /** Takes no more requests, and resolves once those in flight are answered. */
  close(): Promise<void>;
}

/** How long a request may take, head and body: somebody who sends byte after byte holds a connection no longer. In ms. */
const LONGEST_REQUEST_MS = 30_000;

/** Serves an app on a port; 0 takes a free one. Rejects when the port cannot be had. */
export async function listen(
  fetch: (request: Request) => Response | Promise<Response>,
  { port, host }: { readonly port: number; readonly host: string },
): Promise<Listening> {
  const server: Server<typeof IncomingMessage, typeof ServerResponse> = createServer(
    { requestTimeout: LONGEST_REQUEST_MS },
    getRequestListener(fetch),
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  const address = server.address();
  const taken = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}
