import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request as SQS gets it. */
export interface SqsRequest {
  /** `SendMessageBatch` and the like. */
  readonly action: string;
  readonly queue: string;
  readonly accessKeyId: string;
  /** Those of a batch. */
  readonly entries: readonly Readonly<Record<string, unknown>>[];
  readonly input: Readonly<Record<string, unknown>>;
}

/** What to answer: an output; an error by name; a page that is not SQS's; nothing ever; half an output; or a cut connection. */
export type SqsAnswer =
  | { readonly output: object }
  | { readonly error: string; readonly message?: string; readonly status?: number }
  | { readonly page: string; readonly status: number }
  | 'hang'
  | 'stall'
  | 'cut';

export interface SqsServer {
  readonly endpoint: string;
  readonly requests: readonly SqsRequest[];
  /** How many requests there were of this kind. */
  count(action: string): number;
  stop(): Promise<void>;
}

/** A server that speaks SQS's protocol and answers as it is told; undefined is the answer when all goes well. */
export async function startSqsServer(
  answer: (request: SqsRequest) => SqsAnswer | undefined | Promise<undefined>,
): Promise<SqsServer> {
  const requests: SqsRequest[] = [];
  const server = createServer(async (incoming, response) => {
    const { 'x-amz-target': target, authorization } = incoming.headers;
    const request = read(String(target), String(authorization), await text(incoming));
    requests.push(request);
    reply(response, (await answer(request)) ?? wellAnswered(request, endpoint));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${portOf(server.address())}`;
  return {
    endpoint,
    requests,
    count: (action) => requests.filter((request) => request.action === action).length,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function read(target: string, authorization: string, body: string): SqsRequest {
  const input: unknown = JSON.parse(body);
  if (!isRecord(input)) throw new Error('a request has to be an object');
  const { QueueName, QueueUrl, Entries } = input;
  const queue = typeof QueueUrl === 'string' ? QueueUrl.slice(QueueUrl.lastIndexOf('/') + 1) : QueueName;
  const entries = Array.isArray(Entries) ? Entries.filter(isRecord) : [];
  return {
    action: target.slice('AmazonSQS.'.length),
    queue: String(queue),
    accessKeyId: /Credential=([^/]+)/.exec(authorization)?.[1] ?? '',
    entries,
    input,
  };
}

function wellAnswered({ action, queue, entries }: SqsRequest, endpoint: string): SqsAnswer {
  if (action === 'GetQueueUrl' || action === 'CreateQueue') {
    return { output: { QueueUrl: `${endpoint}/000000000000/${queue}` } };
  }
  return { output: { Successful: entries.map(({ Id }) => ({ Id, MessageId: 'm', MD5OfMessageBody: 'x' })) } };
}

function reply(response: ServerResponse, answer: SqsAnswer): void {
  if (answer === 'hang') return;
  if (answer === 'stall') {
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' }).write('{"Messages":[');
    return;
  }
  if (answer === 'cut') {
    response.destroy();
    return;
  }
  if ('page' in answer) {
    response.writeHead(answer.status, { 'content-type': 'text/html' }).end(answer.page);
    return;
  }
  const failed = 'error' in answer;
  const body = failed
    ? { __type: `com.amazonaws.sqs#${answer.error}`, message: answer.message ?? `because of ${answer.error}` }
    : answer.output;
  response
    .writeHead(failed ? (answer.status ?? 400) : 200, { 'content-type': 'application/x-amz-json-1.0' })
    .end(JSON.stringify(body));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function portOf(address: AddressInfo | string | null): number {
  if (typeof address !== 'object' || address === null) throw new Error('the server does not listen');
  return address.port;
}

/** The answer to a batch of which some entries failed. */
export function partlyFailed(
  { entries }: SqsRequest,
  failures: Readonly<Record<string, { Code: string; SenderFault: boolean; Message?: string }>>,
): SqsAnswer {
  return {
    output: {
      Successful: entries.flatMap(({ Id }) => (String(Id) in failures ? [] : [{ Id }])),
      Failed: Object.entries(failures).map(([Id, failure]) => ({ Id, ...failure })),
    },
  };
}
