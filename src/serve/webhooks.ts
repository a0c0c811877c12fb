import { type Context, Hono } from 'hono';
import type { HttpAnswer } from '../publish/http-answer.ts';
import { BadRequest, type HttpRequest } from '../publish/http-request.ts';
import type { Access } from './access.ts';
import { atMost, onlyPost, readJson } from './body.ts';

/** Takes what model registries say. */
export interface RegistryEvents {
  /** A delivery of MLflow; every outcome is an answer. */
  answer(request: HttpRequest): Promise<HttpAnswer>;
  /** An event of EventBridge; every outcome is an answer. */
  answerEvent(event: unknown): Promise<HttpAnswer>;
}

/** Deliveries of MLflow and events of EventBridge are some hundred bytes; tags and descriptions may be long. */
const MOST_BYTES = 262_144;

export function webhooks(registry: RegistryEvents, access: Access): Hono {
  const app = new Hono();
  app.use(atMost(MOST_BYTES));
  app.post('/mlflow', async (context) => asResponse(await registry.answer(await asHttpRequest(context))));
  app.all('/mlflow', onlyPost);
  app.post('/sagemaker', async (context) => {
    await access(context.req.raw);
    return asResponse(await registry.answerEvent(await readJson(context)));
  });
  app.all('/sagemaker', onlyPost);
  return app;
}

async function asHttpRequest(context: Context): Promise<HttpRequest> {
  // The very bytes, because they are signed.
  const bytes = Buffer.from(await context.req.arrayBuffer());
  return {
    header: (name) => context.req.header(name),
    body(maxBytes) {
      if (bytes.length <= maxBytes) return bytes;
      throw new BadRequest(`the body has ${bytes.length} bytes: at most ${maxBytes} are taken`, 413);
    },
  };
}

function asResponse({ statusCode, headers, body }: HttpAnswer): Response {
  return new Response(body, { status: statusCode, headers });
}
