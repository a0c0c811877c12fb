import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { TransportError } from '../errors.ts';
import { type Ask, createDirect } from './direct.ts';
import { errorName, transportError } from './errors.ts';
import { leaveOut } from './leave-out.ts';
import type { RequestOptions } from './operations.ts';
import { Sha256 } from './sha256.ts';

export interface SqsOptions {
  /** Default: what the SDK finds, such as AWS_REGION. */
  readonly region?: string;
  /** The URL of an emulator. Default: AWS. */
  readonly endpoint?: string;
}

/** One request about a queue, given its URL. */
export type Request<Output> = (queueUrl: string, options: RequestOptions) => Promise<Output>;

/** A client, the URLs of queues, and errors that are TransportErrors. */
export interface Connection {
  readonly client: SQSClient;
  /** For what is asked for often; all else goes to the client. */
  readonly ask: Ask;
  /** What errors call the SQS that is asked. */
  readonly place: string;
  request<Output>(queue: string, send: Request<Output>, signal?: AbortSignal): Promise<Output>;
  /** A request that SQS may hold open for `waitMs`; undefined when `signal` fired before an answer came. */
  poll<Output>(
    queue: string,
    send: Request<Output>,
    options: { readonly waitMs: number; readonly signal?: AbortSignal | undefined },
  ): Promise<Output | undefined>;
  /** Anything else said to SQS, about this queue. */
  call<Output>(queue: string, send: (options: RequestOptions) => Promise<Output>): Promise<Output>;
  close(): Promise<void>;
}

/** In ms. A connection that died silently would otherwise be waited for for ever. */
const CONNECT_TIMEOUT = 5_000;
const REQUEST_TIMEOUT = 7_000;
/** For a poll, beyond what it may wait: SQS answers it at once then. */
const POLL_TIMEOUT = 3_000;
/** What has begun to come, and may be long, comes whole within this time; the SDK would wait for ever. */
const BODY_TIMEOUT = 22_000;
/** Without a limit, which the SDK sets: long polls hold a connection each, and all else would wait behind them. */
const AGENT = { keepAlive: true };

export function createConnection({ region, endpoint }: SqsOptions): Connection {
  const agents = { httpAgent: new HttpAgent(AGENT), httpsAgent: new HttpsAgent(AGENT) };
  const client = new SQSClient({
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint }),
    // An emulator takes any credentials, but the SDK insists on some.
    ...(endpoint !== undefined &&
      process.env['AWS_ACCESS_KEY_ID'] === undefined && {
        credentials: { accessKeyId: 'emulator', secretAccessKey: 'emulator' },
      }),
    // Whoever names an endpoint, also by AWS_ENDPOINT_URL, means it for queues too: their URLs may lead elsewhere.
    useQueueUrlAsEndpoint: false,
    // Drivers never retry: the core does, for all of them.
    maxAttempts: 1,
    // TLS has checked every byte already; to hash each body again costs 8 % of the throughput.
    md5: false,
    sha256: Sha256,
    requestHandler: {
      ...agents,
      connectionTimeout: CONNECT_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      throwOnRequestTimeout: true,
    },
  });
  leaveOut(client);
  const ask = createDirect(client);
  const place = endpoint === undefined ? `SQS in ${region ?? 'its region'}` : `SQS at ${endpoint}`;
  const urls = new Map<string, Promise<string>>();
  /** What ends the polls under way. */
  const polls = new Set<() => void>();
  let underWay = 0;
  let closing: { readonly ended: Promise<void>; readonly end: () => void } | undefined;

  function ensureOpen(): void {
    if (closing !== undefined) throw new TransportError('Closed', 'the SQS transport is closed');
  }

  async function call<Output>(
    queue: string,
    send: (options: RequestOptions) => Promise<Output>,
    requestTimeout = REQUEST_TIMEOUT,
    abort = new AbortController(),
  ): Promise<Output> {
    ensureOpen();
    underWay++;
    try {
      return await whole(send, requestTimeout, abort);
    } catch (error) {
      const known = transportError(error, place, queue);
      // Whoever makes the queue again, makes it with a URL of its own.
      if (known.code === 'NotFound') urls.delete(queue);
      throw known;
    } finally {
      underWay--;
      if (underWay === 0) closing?.end();
    }
  }

  /** Gives up an answer that has begun and does not end. */
  async function whole<Output>(
    send: (options: RequestOptions) => Promise<Output>,
    requestTimeout: number,
    abort: AbortController,
  ): Promise<Output> {
    const ms = requestTimeout + BODY_TIMEOUT;
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      abort.abort();
    }, ms);
    try {
      return await send({ abortSignal: abort.signal, requestTimeout });
    } catch (error) {
      if (late || errorName(error) === 'TimeoutError') dropIdle();
      if (!late) throw error;
      throw new TransportError('Unavailable', `${place} did not end its answer within ${ms} ms`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  }

  /** Where one connection has died silently, those that are kept for later have too: each would be waited for anew. */
  function dropIdle(): void {
    for (const { freeSockets } of Object.values(agents)) {
      for (const socket of Object.values(freeSockets).flat()) socket?.destroy();
    }
  }

  function urlOf(queue: string): Promise<string> {
    const known = urls.get(queue);
    if (known !== undefined) return known;
    const url = lookUp(queue);
    urls.set(queue, url);
    url.catch(() => urls.delete(queue));
    return url;
  }

  async function lookUp(queue: string): Promise<string> {
    const { QueueUrl } = await whole(
      (options) => client.send(new GetQueueUrlCommand({ QueueName: queue }), options),
      REQUEST_TIMEOUT,
      new AbortController(),
    );
    if (QueueUrl === undefined) throw new TransportError('Unavailable', `${place} gave no URL for ${queue}`);
    return QueueUrl;
  }

  return {
    client,
    ask,
    place,
    call: (queue, send) => call(queue, send),

    async request(queue, send, signal) {
      const abort = new AbortController();
      const leave = (): void => abort.abort();
      if (signal?.aborted) leave();
      signal?.addEventListener('abort', leave, { once: true });
      try {
        return await call(
          queue,
          async (options) => send(await urlOf(queue), options),
          REQUEST_TIMEOUT,
          abort,
        );
      } finally {
        signal?.removeEventListener('abort', leave);
      }
    },

    async poll(queue, send, { waitMs, signal }) {
      ensureOpen();
      if (signal?.aborted) return undefined;
      const abort = new AbortController();
      const left = Promise.withResolvers<undefined>();
      const leave = (): void => {
        left.resolve(undefined);
        abort.abort();
      };
      signal?.addEventListener('abort', leave, { once: true });
      polls.add(leave);
      try {
        const answered = call(
          queue,
          async (options) => send(await urlOf(queue), options),
          waitMs + POLL_TIMEOUT,
          abort,
        );
        // Raced, because the look-up of the URL, which others may wait for as well, is not aborted.
        const answer = await Promise.race([answered, left.promise]);
        if (answer === undefined && !signal?.aborted) ensureOpen();
        return answer;
      } finally {
        polls.delete(leave);
        signal?.removeEventListener('abort', leave);
      }
    },

    async close() {
      if (closing !== undefined) return closing.ended;
      const { promise, resolve } = Promise.withResolvers<void>();
      closing = {
        ended: promise,
        end: () => {
          client.destroy();
          resolve();
        },
      };
      // A long poll would be waited for for up to 20 s; all else is about to be answered.
      for (const leave of polls) leave();
      if (underWay === 0) closing.end();
      return promise;
    },
  };
}
