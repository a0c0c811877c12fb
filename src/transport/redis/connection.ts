import type { Redis } from 'ioredis';
import { TransportError } from '../errors.ts';
import { callerOf, createClient, greet } from './client.ts';
import { createCluster } from './cluster.ts';
import { closedError, connectError, isCut, isReadOnly, redirected, transportError } from './errors.ts';
import { confirmedBy } from './replicas.ts';
import { list } from './replies.ts';
import type { Script } from './script.ts';
import { findMaster, namedBySentinels } from './sentinel.ts';
import { placeOf, type Server, type Wanted } from './server.ts';
import type { Node, SentinelOptions, ServerOptions } from './server-options.ts';

/** To a server, the master that Sentinels name, or a cluster: made when it is first needed, and anew when it has died. */
export interface Connection {
  /** What errors call it. */
  readonly place: string;
  /** Runs a script, on a cluster where its first key is. Rejects with a TransportError. */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  call(command: string, ...args: readonly (string | number)[]): Promise<unknown>;
  /**
   * Runs commands with nothing between them, or none where one of them is refused. Resolves with the answer to each: an Error where one
   * has failed, which undoes nothing of the others.
   */
  together(...commands: readonly (readonly [string, ...(string | number)[]])[]): Promise<readonly unknown[]>;
  /** Who answers. Rejects with `Unsupported` for a server that is too old. */
  server(): Promise<Server>;
  /** The same connection, for what is about this key: on a cluster `call` and `server` mean the node that has it. */
  at(key: string): Connection;
  close(): void;
}

/** What a connection sends its commands over: one socket, or one to each node of a cluster. */
export interface Line {
  readonly place: string;
  /** Has commands sent once it stands, each once. Rejects with a TransportError. */
  ask<Answer>(send: (client: Caller) => Promise<Answer>, key?: string): Promise<Answer>;
  server(key?: string): Promise<Server>;
  close(): void;
}

/** What a command is sent by: of a client, no more than that. */
export interface Caller {
  call(command: string, ...args: readonly (string | number)[]): Promise<unknown>;
}

interface Connected {
  readonly client: Redis;
  readonly caller: Caller;
  readonly server: Server;
}

/** In ms. A failover takes longer than that. */
const MOVES_APART = 1_000;

/**
 * @param waitMs How long the server may wait before it answers: a blocking read.
 */
export function createConnection(options: ServerOptions, waitMs = 0): Connection {
  return connectionOver(createLine(options, waitMs));
}

/** For what is sent: `other`, or one of its own where that waits for replicas, for nothing else should. */
export function createSendingConnection(options: ServerOptions, other: Connection): Connection {
  const { waitReplicas } = options;
  if (!waitReplicas) return other;
  const line = createLine(options, 0);
  return connectionOver(line, undefined, confirmedBy(waitReplicas, line));
}

function createLine(options: ServerOptions, waitMs: number): Line {
  const { cluster } = options;
  if (cluster === undefined) return createSocket(options, waitMs);
  const nodes = [options, ...cluster.others];
  return createCluster(nodes, (node) => createSocket({ ...options, ...node }, waitMs));
}

function connectionOver(line: Line, own?: string, ask = line.ask): Connection {
  return {
    get place() {
      return line.place;
    },
    run: (script, keys, args) =>
      ask(async (client) => {
        try {
          return await client.call('EVALSHA', script.sha, keys.length, ...keys, ...args);
        } catch (error) {
          if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
          return await client.call('EVAL', script.lua, keys.length, ...keys, ...args);
        }
      }, keys[0]),
    call: (command, ...args) => ask((client) => client.call(command, ...args), own),
    together: (...commands) =>
      ask(async (client) => {
        const all: (readonly [string, ...(string | number)[]])[] = [['MULTI'], ...commands, ['EXEC']];
        const answers = await Promise.all(all.map(([command, ...args]) => client.call(command, ...args)));
        return list(answers.at(-1));
      }, own),
    server: () => line.server(own),
    at: (key) => connectionOver(line, key, ask),
    close: () => line.close(),
  };
}

function createSocket(options: ServerOptions, waitMs: number, wanted: Wanted = 'Redis'): Line {
  const { sentinel, cluster } = options;
  /** Where it is, or was last. */
  let node: Node = options;
  let current: Promise<Connected> | undefined;
  let open: Redis | undefined;
  /** Connected: no call has to wait for it. */
  let ready: Connected | undefined;
  let underWay = 0;
  let closed = false;
  /** Being asked for the master. */
  let sentinels: readonly Line[] = [];
  /** Where a node of a cluster has sent us, and when. */
  let primary: Node | undefined;
  let movedAt = Number.NEGATIVE_INFINITY;
  /** What each client last said was wrong: commands under way are only told that it is closed. */
  const reasons = new WeakMap<Redis, unknown>();

  function connect(): Promise<Connected> {
    if (current !== undefined) return current;
    const forget = (): void => {
      if (current !== made) return;
      // The address itself leads to whoever is there now.
      primary = undefined;
      current = undefined;
      ready = undefined;
      open = undefined;
    };
    const made = begin(forget);
    made.then((connected) => {
      if (current === made) ready = connected;
    }, forget);
    current = made;
    return made;
  }

  async function begin(onEnd: () => void): Promise<Connected> {
    node = primary ?? (sentinel === undefined ? options : await askSentinels(sentinel));
    const client = createClient(options, node, waitMs);
    client.on('error', (error) => reasons.set(client, error));
    client.on('end', onEnd);
    open = client;
    try {
      return { client, caller: callerOf(client), server: await greet(client, options, node, wanted) };
    } catch (error) {
      client.disconnect();
      const problem =
        error instanceof TransportError
          ? error
          : connectError(reasons.get(client) ?? error, placeOf(node, wanted), options.tls);
      throw sentinel === undefined ? problem : namedBySentinels(problem, sentinel);
    }
  }

  async function askSentinels({ master, others, password }: SentinelOptions): Promise<Node> {
    const login = password === undefined ? {} : { password };
    sentinels = [options, ...others].map(({ host, port }) =>
      createSocket({ host, port, tls: options.tls, database: 0, ...login }, 0, 'Sentinel'),
    );
    const found = await findMaster(sentinels, master);
    if (closed) throw closedError();
    return found;
  }

  async function reach(): Promise<Connected> {
    try {
      return await connect();
    } catch (error) {
      throw closed ? closedError() : error;
    }
  }

  async function ask<Answer>(send: (client: Caller) => Promise<Answer>): Promise<Answer> {
    // A call of several steps may be between two of them.
    if (closed) throw closedError();
    const { client, caller } = ready ?? (await reach());
    // A connection that waits for nothing should not keep the process alive.
    if (underWay === 0) client.stream.ref();
    underWay++;
    try {
      return await send(caller);
    } catch (error) {
      if (closed) throw closedError();
      // After a failover the name leads to another server: the next call finds out. A cluster's nodes are kept.
      const moved = cluster === undefined ? redirected(error, 'MOVED', node) : undefined;
      /** Another call has given this connection up. */
      const stale = open !== client;
      // What a caller finds out for itself: that its replicas follow another one by now.
      if (moved || isReadOnly(error) || error instanceof TransportError) {
        if (!stale) {
          current = undefined;
          ready = undefined;
          open = undefined;
        }
        client.disconnect();
      }
      // It has done nothing. One that moves about is a cluster of several shards, and not followed; others were told with it.
      if (moved && (stale || performance.now() - movedAt > MOVES_APART)) {
        if (!stale) {
          primary = moved;
          movedAt = performance.now();
        }
        return await ask(send);
      }
      const problem = transportError(
        isCut(error) ? (reasons.get(client) ?? error) : error,
        placeOf(node, wanted),
      );
      throw sentinel === undefined ? problem : namedBySentinels(problem, sentinel);
    } finally {
      underWay--;
      if (underWay === 0) client.stream.unref();
    }
  }

  return {
    get place() {
      return placeOf(node, wanted);
    },
    ask,
    async server() {
      if (closed) throw closedError();
      return (await reach()).server;
    },
    close() {
      closed = true;
      for (const one of sentinels) one.close();
      open?.disconnect();
    },
  };
}
