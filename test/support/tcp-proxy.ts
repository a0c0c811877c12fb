import { connect, createServer, type Socket } from 'node:net';

/** Stands between a client and a server, and disturbs what passes. Times in ms. */
export interface TcpProxy {
  readonly port: number;
  /** Connections of clients that are open. */
  readonly connections: number;
  /** Stops forwarding, in both directions, without closing anything: as a network that drops packets. */
  silence(): void;
  /** Cuts all connections that there are, in the middle of whatever they carry. */
  reset(): void;
  /** Everything arrives so much later. */
  delay(ms: number): void;
  /** Everything arrives in pieces of so many bytes, one in each turn of the event loop. */
  split(bytes: number): void;
  /** Clients see the end of their connections at once, the server so much later; new ones end likewise. */
  closeSlowly(ms: number): void;
  /** Forwards as if nothing had been, for connections made from now on; silenced ones stay silent. */
  heal(): void;
  stop(): Promise<void>;
}

export async function startTcpProxy(target: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  /** By their clients. */
  const upstreams = new Map<Socket, Socket>();
  const muted = new WeakSet<Socket>();
  let silent = false;
  let delayMs = 0;
  let pieceBytes = 0;
  let slowCloseMs: number | undefined;

  /** Hands on in order, however late and in however many pieces. */
  function forward(from: Socket, to: Socket): void {
    let last = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      if (muted.has(from)) return;
      if (delayMs === 0 && pieceBytes === 0) {
        void last.then(() => to.write(chunk));
        return;
      }
      const after = delayMs === 0 ? undefined : new Promise((resolve) => setTimeout(resolve, delayMs));
      const bytes = pieceBytes || chunk.length;
      last = last.then(async () => {
        await after;
        for (let at = 0; at < chunk.length && !to.destroyed; at += bytes) {
          to.write(chunk.subarray(at, at + bytes));
          if (pieceBytes > 0) await new Promise(setImmediate);
        }
      });
    });
  }

  function closeSlowly(client: Socket, upstream: Socket, ms: number): void {
    // What the client says from now on reaches nobody.
    muted.add(client);
    client.end();
    setTimeout(() => {
      upstream.destroy();
      client.destroy();
    }, ms).unref();
  }

  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1');
    client.setNoDelay();
    upstream.setNoDelay();
    upstreams.set(client, upstream);
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from);
      forward(from, to);
      from.on('error', () => undefined);
      from.on('close', () => {
        sockets.delete(from);
        if (from === client) upstreams.delete(client);
        if (!muted.has(from)) to.destroy();
      });
      if (silent) muted.add(from);
    }
    if (slowCloseMs !== undefined) closeSlowly(client, upstream, slowCloseMs);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('the proxy does not listen');
  return {
    port: address.port,
    get connections() {
      return upstreams.size;
    },
    silence() {
      silent = true;
      for (const [client, upstream] of upstreams) {
        muted.add(client);
        muted.add(upstream);
      }
    },
    reset() {
      for (const [client, upstream] of upstreams) {
        client.resetAndDestroy();
        upstream.resetAndDestroy();
      }
    },
    delay(ms) {
      delayMs = ms;
    },
    split(bytes) {
      pieceBytes = bytes;
    },
    closeSlowly(ms) {
      slowCloseMs = ms;
      for (const [client, upstream] of upstreams) closeSlowly(client, upstream, ms);
    },
    heal() {
      silent = false;
      delayMs = 0;
      pieceBytes = 0;
      slowCloseMs = undefined;
    },
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
