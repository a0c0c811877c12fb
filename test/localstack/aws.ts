import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { AwsV4Signer } from 'aws4fetch';
import { inject } from 'vitest';

export interface AwsRequest {
  readonly method?: 'GET' | 'POST' | 'PUT';
  /** The host of a function's URL; default: that of the endpoint. Its name need not lead anywhere. */
  readonly host?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface AwsAnswer {
  readonly status: number;
  readonly body: string;
}

const endpoint = (): URL => new URL(inject('localstack').AWS_ENDPOINT_URL);

/** Sends a request to LocalStack, signed for a service with the credentials of the tests. */
export async function send(service: string, asked: AwsRequest): Promise<AwsAnswer> {
  const { method = 'POST', host = endpoint().host, path = '/', headers, body = '' } = asked;
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION } = inject('localstack');
  const signed = await new AwsV4Signer({
    url: new URL(path, `http://${host}`).href,
    method,
    headers: { 'content-type': 'application/json', ...headers },
    body,
    service,
    region: AWS_REGION,
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
  }).sign();
  return sendUnsigned({ ...asked, headers: Object.fromEntries(signed.headers) });
}

/** The same, without a signature of AWS. */
export async function sendUnsigned(asked: AwsRequest): Promise<AwsAnswer> {
  const { method = 'POST', host = endpoint().host, path = '/', headers, body } = asked;
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, endpoint()), { method, headers: { ...headers, host } }, (response) => {
      text(response).then((answer) => resolve({ status: response.statusCode ?? 0, body: answer }), reject);
    });
    sent.once('error', reject);
    sent.end(body);
  });
}

/** Calls an operation of a service that speaks JSON: `target` is what its `X-Amz-Target` says. */
export async function call<Output>(service: string, target: string, input: object): Promise<Output> {
  const answer = await send(service, {
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target },
    body: JSON.stringify(input),
  });
  if (answer.status !== 200) throw new Error(`${target} was answered with ${answer.status}: ${answer.body}`);
  return JSON.parse(answer.body);
}

/** A function is at work as often as it may be. */
export class Throttled extends Error {
  override readonly name = 'Throttled';
}

/**
 * Invokes a function, waits for its answer, and rejects when it failed.
 *
 * @throws Throttled
 */
export async function invoke<Output>(name: string, event: unknown): Promise<Output> {
  const path = `/2015-03-31/functions/${name}/invocations`;
  const { status, body } = await send('lambda', { path, body: JSON.stringify(event) });
  if (status === 429) throw new Throttled(`${name} is at work`);
  const answer = JSON.parse(body);
  if (status !== 200 || answer?.errorType) throw new Error(`${name} was answered with ${status}: ${body}`);
  return answer;
}

/** The functions that are deployed. */
export async function functions(): Promise<readonly LambdaFunction[]> {
  const { body } = await send('lambda', { method: 'GET', path: '/2015-03-31/functions/' });
  return JSON.parse(body).Functions;
}

export interface LambdaFunction {
  readonly FunctionName: string;
  readonly Description: string;
  readonly Environment?: { readonly Variables: Readonly<Record<string, string>> };
}
