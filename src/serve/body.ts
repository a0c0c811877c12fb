import type { Context, MiddlewareHandler } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { parseJson } from '../message/json.ts';
import { BadRequest } from '../publish/http-request.ts';

/** Answers 413 to a longer body, before all of it is read. */
export function atMost(maxBytes: number): MiddlewareHandler {
  return bodyLimit({
    maxSize: maxBytes,
    onError: (context) =>
      context.json({ error: `the body is too long: at most ${maxBytes} bytes are taken` }, 413),
  });
}

/** The body as JSON. Throws {@link BadRequest}. */
export async function readJson(context: Context): Promise<unknown> {
  const text = await context.req.text();
  try {
    return parseJson(text);
  } catch {
    throw new BadRequest('the body is not JSON that can be used');
  }
}

/** Answers any other method of a path with 405. */
export function onlyPost(context: Context): Response {
  return context.json({ error: 'expected POST' }, 405, { allow: 'POST' });
}
