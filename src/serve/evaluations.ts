import { Hono } from 'hono';
import type { HttpError } from '../publish/http-answer.ts';
import { httpErrorAnswer } from '../publish/http-answer.ts';
import type { Access } from './access.ts';
import { atMost, onlyPost, readJson } from './body.ts';

/** Judges and announces what is posted. */
export interface Emitting {
  /** Resolves to what was announced and what was rejected. */
  emit(payload: unknown): Promise<object>;
  /** How an error of `emit` is answered; undefined for those that it does not know. */
  describe(error: unknown): HttpError | undefined;
}

/** Evaluations and MLflow answers are small. */
const MOST_BYTES = 1_048_576;

export function evaluations({ emit, describe }: Emitting, access: Access): Hono {
  const app = new Hono();
  app.post('/', atMost(MOST_BYTES), async (context) => {
    await access(context.req.raw);
    const payload = await readJson(context);
    try {
      return context.json(await emit(payload));
    } catch (error) {
      const { statusCode, headers, body } = httpErrorAnswer(error, describe(error));
      return new Response(body, { status: statusCode, headers });
    }
  });
  app.all('/', onlyPost);
  return app;
}
