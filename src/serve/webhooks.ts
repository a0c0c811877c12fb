import { type Context, Hono } from 'hono';
import { MOST_DELIVERY_BYTES } from '../model-ready/webhook/mlflow-delivery.ts';
import type { HttpAnswer } from '../publish/http-answer.ts';
import { BadRequest, type HttpRequest } from '../publish/http-request.ts';
import type { Access } from './access.ts';
import { atMost, bytesOf, onlyPost, readJson } from './body.ts';
import { asResponse, Refused } from './refusal.ts';

/** Takes what model registries say. */
export interface RegistryEvents {
  /** A delivery of MLflow; every outcome is an answer. Undefined where no secret is known to check it with. */
  readonly answer: ((request: HttpRequest) => Promise<HttpAnswer>) | undefined;
  /** An event of EventBridge; every outcome is an answer. */
  readonly answerEvent: (event: unknown) => Promise<HttpAnswer>;
}

export function webhooks({ answer, answerEvent }: RegistryEvents, access: Access): Hono {
  const app = new Hono();
  app.use(atMost(MOST_DELIVERY_BYTES));
  app.post('/mlflow', async (context) => {
    if (answer === undefined) throw new Refused(404, 'no webhook of MLflow is set up here');
    return asResponse(await answer(await asHttpRequest(context)));
  });
  app.all('/mlflow', onlyPost);
  app.post('/sagemaker', async (context) => {
    await access(context.req.raw);
    return asResponse(await answerEvent(await readJson(context)));
  });
  app.all('/sagemaker', onlyPost);
  return app;
}

async function asHttpRequest(context: Context): Promise<HttpRequest> {
  const bytes = await bytesOf(context);
  return {
    header: (name) => context.req.header(name),
    body(maxBytes) {
      if (bytes.length <= maxBytes) return bytes;
      throw new BadRequest(`the body has ${bytes.length} bytes: at most ${maxBytes} are taken`, 413);
    },
  };
}
