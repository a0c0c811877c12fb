import { Hono } from 'hono';
import { MOST_DOCUMENT_BYTES } from '../model-ready/judge/emit-http.ts';
import type { Access } from './access.ts';
import { atMost, onlyPost, readJson } from './body.ts';

/** Judges and announces what is posted, and resolves to what was announced and what was rejected. */
export type Emit = (payload: unknown) => Promise<object>;

export function evaluations(emit: Emit, access: Access): Hono {
  const app = new Hono();
  app.post('/', atMost(MOST_DOCUMENT_BYTES), async (context) => {
    await access(context.req.raw);
    return context.json(await emit(await readJson(context)));
  });
  app.all('/', onlyPost);
  return app;
}
