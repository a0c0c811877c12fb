import { Redis } from 'ioredis';
import { TransportError } from '../errors.ts';
import { connectError, isCut, isReadOnly, movedTo, type Node, transportError } from './errors.ts';
import type { IamCache } from './iam-token.ts';
import type { Script } from './script.ts';
import { oldServer, readServer, type Server } from './server.ts';
import type { ServerOptions } from './server-options.ts';

/** One socket to the server: made when it is first needed, and anew when it has died. */
export interface Connection {
  /** What errors call the server. */
  readonly place: string;
  /** Runs a script. Rejects with a TransportError. */
  run(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  call(command: string, ...args: readonly (string | number)[]): Promise<unknown>;
  /** Who answers. Rejects with `Unsupported` for a server that is too old. */
  server(): Promise<Server>;
  close(): void;
}

/** In ms. A server that says nothing for so long while it owes an answer is given up. */
export const ANSWER_TIMEOUT = 5_000;
const CONNECT_TIMEOUT = 5_000;
/** In ms. A failover takes longer than that. */
const MOVES_APART = 1_000;

/**
 * @param waitMs How long the server may wait before it answers: a blocking read.
 */
export function createConnection(options: ServerOptions, waitMs = 0): Connection {
  const place = `Redis at ${options.host}:${options.port}`;
  let current: Promise<{ readonly client: Redis; readonly server: Server }> | undefined;
  let open: Redis | undefined;
  /** Connected: no call has to wait for it. */
  let ready: Redis | undefined;
  let underWay = 0;
  let closed = false;
  /** Where a node of a cluster has sent us, and when. */
  let primary: Node | undefined;
  let movedAt = Number.NEGATIVE_INFINITY;
  /** What each client last said was wrong: commands under way are only told that it is closed. */
  const reasons = new WeakMap<Redis, unknown>();

  function connect(): Promise<{ readonly client: Redis; readonly server: Server }> {
    if (current !== undefined) return current;
    const client = createClient(options, waitMs, primary);
    client.on('error', (error) => reasons.set(client, error));
    const made = begin(client, options, place).catch((error: unknown) => {
      client.disconnect();
      throw error instanceof TransportError
        ? error
        : connectError(reasons.get(client) ?? error, place, options.tls);
    });
    const forget = (): void => {
      if (current !== made) return;
      // The address itself leads to whoever is there now.
      primary = undefined;
      current = undefined;
      ready = undefined;
      open = undefined;
    };
    client.on('end', forget);
    made.then(() => {
      if (current === made) ready = client;
    }, forget);
    current = made;
    open = client;
    return made;
  }

  async function reach(): Promise<Redis> {
    try {
      return (await connect()).client;
    } catch (error) {
      throw closed ? closedError() : error;
    }
  }

  async function ask<Answer>(send: (client: Redis) => Promise<Answer>): Promise<Answer> {
    // A call of several steps may be between two of them.
    if (closed) throw closedError();
    const client = ready ?? (await reach());
    // A connection that waits for nothing should not keep the process alive.
    if (underWay === 0) client.stream.ref();
    underWay++;
    try {
      return await send(client);
    } catch (error) {
      if (closed) throw closedError();
      // After a failover the name leads to another server: the next call finds out.
      const moved = movedTo(error, options.host);
      if (moved || isReadOnly(error)) {
        if (open === client) {
          current = undefined;
          ready = undefined;
        }
        client.disconnect();
      }
      // It has done nothing. One that moves about is a cluster of several shards, and not followed.
      if (moved && performance.now() - movedAt > MOVES_APART) {
        primary = moved;
        movedAt = performance.now();
        return await ask(send);
      }
      throw transportError(isCut(error) ? (reasons.get(client) ?? error) : error, place);
    } finally {
      underWay--;
      if (underWay === 0) client.stream.unref();
    }
  }

  return {
    place,
    run: (script, keys, args) =>
      ask(async (client) => {
        try {
          return await client.evalsha(script.sha, keys.length, ...keys, ...args);
        } catch (error) {
          if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
          return await client.eval(script.lua, keys.length, ...keys, ...args);
        }
      }),
    call: (command, ...args) => ask((client) => client.call(command, ...args)),
    server: async () => (await connect()).server,
    close() {
      closed = true;
      open?.disconnect();
    },
  };
}

/** A client that is not connected yet, and connects once: whether again, and what to send again, is for others to decide. */
export function createClient(options: ServerOptions, waitMs: number, primary?: Node): Redis {
  return new Redis({
    ...(primary ?? { host: options.host, port: options.port }),
    ...(options.tls && { tls: {} }),
    protocol: 2,
    lazyConnect: true,
    connectTimeout: CONNECT_TIMEOUT,
    socketTimeout: waitMs + ANSWER_TIMEOUT,
    // A command is sent once, on a connection that stands, or fails: whether to send again the core decides.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
    // They ask for rights that a publisher has no need of.
    enableReadyCheck: false,
    disableClientInfo: true,
  });
}

/** Connects, and proves who it is. Rejects with `Unsupported` for a server that is too old, and else with what went wrong. */
export async function begin(
  client: Redis,
  options: ServerOptions,
  place: string,
): Promise<{ readonly client: Redis; readonly server: Server }> {
  await client.connect();
  // By ourselves: the client would print a warning about the password, and go on without the database.
  const { username = 'default', iam } = options;
  const password = iam ? await tokenOf(iam, username) : options.password;
  const login = password === undefined ? [] : ['2', 'AUTH', username, password];
  const server = readServer(await client.call('HELLO', ...login));
  const problem = oldServer(server, place);
  if (problem !== undefined) throw problem;
  if (options.database !== 0) await client.select(options.database);
  return { client, server };
}

function closedError(): TransportError {
  return new TransportError('Closed', 'the redis transport was closed before the server answered');
}

/** Who has a password needs no signer. */
async function tokenOf(cache: IamCache, user: string): Promise<string> {
  const { iamToken } = await import('./iam-token.ts');
  return iamToken(cache, user);
}
