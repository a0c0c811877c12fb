import { Command, Redis } from 'ioredis';
import type { Caller } from './connection.ts';
import type { IamCache } from './iam-token.ts';
import { readServer, type Server, type Wanted, wrongServer } from './server.ts';
import type { Node, ServerOptions } from './server-options.ts';

/** In ms. A server that says nothing for so long while it owes an answer is given up. */
export const ANSWER_TIMEOUT = 5_000;
const CONNECT_TIMEOUT = 5_000;

/** One socket, not connected yet: {@link greet} does that. */
export function createClient({ tls }: ServerOptions, { host, port }: Node, waitMs: number): Redis {
  return new Redis({
    host,
    port,
    ...(tls && { tls: {} }),
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

/**
 * Sends commands over a client that is connected, and leaves it nothing of them: neither arguments, once they are written,
 * for none is sent again, nor the answer. In V8 most commands of this client outlive the collections of young garbage, with
 * all that they hold: bodies would be copied, and kept until the next full one.
 */
export function callerOf(client: Redis): Caller {
  return {
    async call(name, ...args: (string | number)[]) {
      const command = new Command(name, args, { replyEncoding: 'utf8' });
      const answering = client.sendCommand(command);
      command.args = [];
      const answer = await answering;
      return Array.isArray(answer) ? answer.splice(0) : answer;
    },
  };
}

/** Connects, and says who we are. Rejects with a TransportError for a server that is not what was asked for. */
export async function greet(
  client: Redis,
  options: ServerOptions,
  node: Node,
  wanted: Wanted = 'Redis',
): Promise<Server> {
  await client.connect();
  // By ourselves: the client would print a warning about the password, and go on without the database.
  const { username = 'default', iam } = options;
  const password = iam ? await tokenOf(iam, username) : options.password;
  const login = password === undefined ? [] : ['2', 'AUTH', username, password];
  const server = readServer(await client.call('HELLO', ...login), node);
  const problem = wrongServer(server, wanted, options);
  if (problem !== undefined) throw problem;
  if (options.database !== 0) await client.select(options.database);
  return server;
}

/** Who has a password needs no signer. */
async function tokenOf(cache: IamCache, user: string): Promise<string> {
  const { iamToken } = await import('./iam-token.ts');
  return iamToken(cache, user);
}
