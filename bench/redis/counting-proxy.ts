import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface CountingProxy {
  readonly url: string;
  /** How many requests were sent through it, by command. */
  readonly requests: Map<string, number>;
  stop(): Promise<void>;
}

/** Stands before a Redis server and counts what clients ask of it; what scripts call within does not count. */
export async function startCountingProxy(port: number): Promise<CountingProxy> {
  const requests = new Map<string, number>();
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ port, host: '127.0.0.1', noDelay: true });
    const read = createRequestReader((command) => {
      requests.set(command, (requests.get(command) ?? 0) + 1);
    });
    client.on('data', read);
    client.pipe(upstream).pipe(client);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port is free');
  return {
    url: `redis://127.0.0.1:${address.port}`,
    requests,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

const CARRIAGE_RETURN = 13;

/** Reads requests as clients write them, `*2\r\n$3\r\nGET\r\n$1\r\nk\r\n`, however they are cut into chunks. */
export function createRequestReader(onRequest: (command: string) => void): (chunk: Buffer) => void {
  let line = '';
  /** Bytes of an argument that are still to be passed over, with the end of its line. */
  let skip = 0;
  /** Arguments of the request that are still to come, its command among them. */
  let parts = 0;
  let command: 'next' | 'now' | 'read' = 'next';

  function endLine(): void {
    if (parts === 0) {
      parts = Number(line.slice(1));
      command = 'next';
    } else if (command === 'now') {
      onRequest(line.toLowerCase());
      command = 'read';
      parts--;
    } else if (command === 'next') command = 'now';
    else {
      skip = Number(line.slice(1)) + 2;
      parts--;
    }
    line = '';
  }

  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (skip > 0) {
        const passed = Math.min(skip, chunk.length - at);
        skip -= passed;
        at += passed;
        continue;
      }
      const end = chunk.indexOf(CARRIAGE_RETURN, at);
      line += chunk.toString('latin1', at, end < 0 ? chunk.length : end);
      if (end < 0) return;
      endLine();
      at = end + 1;
      skip += 1;
    }
  };
}
