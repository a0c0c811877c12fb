import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { BadRequest, readJsonBody } from '../publish/http-request.ts';

/** Refuses a longer body with {@link BadRequest} 413, before all of it is read. */
export function atMost(maxBytes: number): MiddlewareHandler {
  return bodyLimit({
    maxSize: maxBytes,
    onError: () => {
      throw new BadRequest(`the body is too long: at most ${maxBytes} bytes are taken`, 413);
    },
  });
}

/** The very bytes that were sent. */
export async function bytesOf(context: Context): Promise<Buffer> {
  return Buffer.from(await context.req.arrayBuffer());
}

/** The body as JSON. Throws {@link BadRequest}. */
export async function readJson(context: Context): Promise<unknown> {
  return readJsonBody(await bytesOf(context));
}

/** Answers any other method of a path with 405. */
export function onlyPost(context: Context): Response {
  return context.json({ error: 'expected POST' }, 405, { allow: 'POST' });
}
