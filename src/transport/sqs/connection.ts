import { GetQueueUrlCommand, SQSClient } from '@aws-sdk/client-sqs';
import { TransportError } from '../errors.ts';
import { transportError } from './errors.ts';
import { leaveOut } from './leave-out.ts';

export interface SqsOptions {
  /** Default: what the SDK finds, such as AWS_REGION. */
  readonly region?: string;
  /** The URL of an emulator. Default: AWS. */
  readonly endpoint?: string;
}

/** What goes with each request to the SDK. */
export interface RequestOptions {
  readonly abortSignal?: AbortSignal;
  readonly requestTimeout: number;
}

/** One request about a queue, given its URL. */
export type Request<Output> = (queueUrl: string, options: RequestOptions) => Promise<Output>;

/** A client, the URLs of queues, and errors that are TransportErrors. */
export interface Connection {
  readonly client: SQSClient;
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

/** A connection that died silently would otherwise be waited for for ever. In ms. */
const CONNECT_TIMEOUT = 5_000;
const REQUEST_TIMEOUT = 15_000;

export function createConnection({ region, endpoint }: SqsOptions): Connection {
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
    requestHandler: {
      connectionTimeout: CONNECT_TIMEOUT,
      requestTimeout: REQUEST_TIMEOUT,
      throwOnRequestTimeout: true,
    },
  });
  leaveOut(client);
  const place = endpoint === undefined ? `SQS in ${region ?? 'its region'}` : `SQS at ${endpoint}`;
  const urls = new Map<string, Promise<string>>();
  const polls = new Set<AbortController>();
  let underWay = 0;
  let closing: { readonly ended: Promise<void>; readonly end: () => void } | undefined;

  function ensureOpen(): void {
    if (closing !== undefined) throw new TransportError('Closed', 'the SQS transport is closed');
  }

  async function call<Output>(
    queue: string,
    send: (options: RequestOptions) => Promise<Output>,
    options: RequestOptions = { requestTimeout: REQUEST_TIMEOUT },
  ): Promise<Output> {
    ensureOpen();
    underWay++;
    try {
      return await send(options);
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

  function urlOf(queue: string): Promise<string> {
    const known = urls.get(queue);
    if (known !== undefined) return known;
    const url = lookUp(queue);
    urls.set(queue, url);
    url.catch(() => urls.delete(queue));
    return url;
  }

  async function lookUp(queue: string): Promise<string> {
    const { QueueUrl } = await client.send(new GetQueueUrlCommand({ QueueName: queue }), {
      requestTimeout: REQUEST_TIMEOUT,
    });
    if (QueueUrl === undefined) throw new TransportError('Unavailable', `${place} gave no URL for ${queue}`);
    return QueueUrl;
  }

  return {
    client,
    place,
    call,

    request: (queue, send, signal) =>
      call(queue, async (options) => send(await urlOf(queue), options), {
        requestTimeout: REQUEST_TIMEOUT,
        ...(signal !== undefined && { abortSignal: signal }),
      }),

    async poll(queue, send, { waitMs, signal }) {
      ensureOpen();
      if (signal?.aborted) return undefined;
      const poll = new AbortController();
      const aborted = Promise.withResolvers<undefined>();
      const abort = (): void => poll.abort();
      poll.signal.addEventListener('abort', () => aborted.resolve(undefined), { once: true });
      signal?.addEventListener('abort', abort, { once: true });
      polls.add(poll);
      try {
        const answered = call(queue, async (options) => send(await urlOf(queue), options), {
          requestTimeout: REQUEST_TIMEOUT + waitMs,
          abortSignal: poll.signal,
        });
        // Raced, because the look-up of the URL, which others may wait for as well, is not aborted.
        const answer = await Promise.race([answered, aborted.promise]);
        if (answer === undefined && !signal?.aborted) ensureOpen();
        return answer;
      } finally {
        polls.delete(poll);
        signal?.removeEventListener('abort', abort);
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
      for (const poll of polls) poll.abort();
      if (underWay === 0) closing.end();
      return promise;
    },
  };
}
