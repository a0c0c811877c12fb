import { text } from 'node:stream/consumers';
import { type SQSClient, SQSServiceException } from '@aws-sdk/client-sqs';
import { inLambda } from '../../in-lambda.ts';
import { textOf } from './errors.ts';
import type { Operation, RequestOptions } from './operations.ts';

/** Asks SQS for something. Throws what the SDK throws. */
export type Ask = <Input, Output>(
  operation: Operation<Input, Output>,
  input: Input,
  options: RequestOptions,
) => Promise<Output>;

/**
 * Asks as the SDK does, for half of the CPU: where to, and with which headers, is taken from a request that went through the
 * SDK before; each is signed and sent by the SDK's own signer, credentials and HTTP handler, and past all else of it.
 */
export function createDirect(client: SQSClient): Ask {
  // Lambda is told by the SDK what has led to what, so that it may end what goes in circles.
  if (inLambda()) return (operation, input, options) => operation.send(client, input, options);
  const { config } = client;
  let known: Request | undefined;
  let signer: Promise<Signer> | undefined;
  client.middlewareStack.add(
    (next) => (args) => {
      if (isRequest(args.request)) known ??= { ...args.request, headers: { ...args.request.headers } };
      return next(args);
    },
    // The last before it is signed.
    { name: 'learnRequest', step: 'build', priority: 'low' },
  );

  async function post(
    { headers, ...rest }: Request,
    operation: string,
    input: unknown,
    options: RequestOptions,
  ): Promise<Answer> {
    signer ??= config.signer();
    const body = JSON.stringify(input);
    const request = {
      ...rest,
      headers: {
        ...headers,
        'x-amz-target': `AmazonSQS.${operation}`,
        'content-length': String(Buffer.byteLength(body)),
      },
      body,
    };
    const signingDate = new Date(Date.now() + config.systemClockOffset);
    const signed = await (await signer).sign(request, { signingDate });
    const { response } = await config.requestHandler.handle(signed, options);
    return { status: response.statusCode, headers: response.headers, text: await text(response.body) };
  }

  return async (operation, input, options) => {
    if (known === undefined) return operation.send(client, input, options);
    const answer = await post(known, operation.name, input, options);
    if (answer.status < 300) return parse(answer.text);
    // Where the clocks differ it is that, and the next is signed right.
    const serverTime = Date.parse(answer.headers['date'] ?? '');
    if (!Number.isNaN(serverTime)) config.systemClockOffset = serverTime - Date.now();
    throw refusal(answer);
  };
}

type Signer = Awaited<ReturnType<SQSClient['config']['signer']>>;
type Request = Parameters<Signer['sign']>[0];

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

function isRequest(request: unknown): request is Request {
  return typeof request === 'object' && request !== null && 'headers' in request && 'hostname' in request;
}

function refusal({ status, headers, text: body }: Answer): SQSServiceException {
  let fields: unknown;
  try {
    fields = parse(body);
  } catch {
    // What stands between here and SQS may answer in words of its own: the status tells.
  }
  const name = textOf(fields, '__type') || headers['x-amzn-query-error']?.split(';')[0] || 'Unknown';
  return new SQSServiceException({
    name,
    message: textOf(fields, 'message') || textOf(fields, 'Message'),
    $fault: status < 500 ? 'client' : 'server',
    $metadata: { httpStatusCode: status },
  });
}

/** What is wrong with it is not said by citing it: these are messages. */
function parse(body: string) {
  try {
    return JSON.parse(body === '' ? '{}' : body);
  } catch {
    throw new Error('its answer is no JSON');
  }
}
