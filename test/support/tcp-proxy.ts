import { connect, createServer, type Socket } from 'node:net';

/** Stands between a client and a server, and can fall silent. */
export interface TcpProxy {
  readonly port: number;
  /** Stops forwarding, in both directions, without closing anything: as a network that drops packets. */
  silence(): void;
  /** Forwards again, for connections made from now on; older ones stay silent. */
  heal(): void;
  stop(): Promise<void>;
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let silent = false;
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk) => {
        if (!muted.has(from)) to.write(chunk);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        if (!muted.has(from)) to.destroy();
      });
      if (silent) muted.add(from);
    }
  });
  const muted = new WeakSet<Socket>();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the proxy does not listen');
  return {
    port: address.port,
    silence() {
      silent = true;
      for (const socket of sockets) muted.add(socket);
    },
    heal() {
      silent = false;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
