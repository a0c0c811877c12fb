import { parseJson, UnsafeJson } from '../message/json.ts';

/** A body that cannot be used. */
export class BadRequest extends Error {
  override readonly name = 'BadRequest';
  readonly statusCode: number;
  constructor(message: string, statusCode = 400) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** A request as function URLs and API Gateway's HTTP APIs hand it over: payload format 2.0. */
export interface HttpRequest {
  /** Undefined where there is none; its name in any case. */
  header(name: string): string | undefined;
  /** The bytes that were sent. Throws {@link BadRequest} with 413 when there are more than `maxBytes`. */
  body(maxBytes: number): Buffer;
}

/** The body as JSON, in UTF-8. Throws {@link BadRequest}, with the path to what is not safe in it. */
export function readJsonBody(body: Buffer): unknown {
  try {
    return parseJson(body.toString('utf8'));
  } catch (error) {
    // What a SyntaxError says quotes the body, and so is not passed on.
    const where = error instanceof UnsafeJson ? `: ${error.path.slice(0, MOST_PATH)}: ${error.message}` : '';
    throw new BadRequest(`the body is not JSON that can be used${where}`);
  }
}

/** In characters: whoever posts chooses the keys. */
const MOST_PATH = 200;

/** Undefined for a function that was invoked in another way. */
export function asHttpRequest(event: unknown): HttpRequest | undefined {
  if (!isObject(event) || !('requestContext' in event)) return undefined;
  const { requestContext } = event;
  if (!isObject(requestContext) || !('http' in requestContext)) return undefined;
  const text = 'body' in event && typeof event.body === 'string' ? event.body : '';
  const base64 = 'isBase64Encoded' in event && event.isBase64Encoded === true;
  const headers = new Map(
    Object.entries('headers' in event && isObject(event.headers) ? event.headers : {}).map(([key, value]) => [
      key.toLowerCase(),
      value,
    ]),
  );
  return {
    header(name) {
      const value: unknown = headers.get(name.toLowerCase());
      return typeof value === 'string' ? value : undefined;
    },
    body(maxBytes) {
      const bytes = Buffer.from(text, base64 ? 'base64' : 'utf8');
      if (bytes.length <= maxBytes) return bytes;
      throw new BadRequest(`the body has ${bytes.length} bytes: at most ${maxBytes} are taken`, 413);
    },
  };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
