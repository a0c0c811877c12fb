import { Hono } from 'hono';
import type { Access } from './access.ts';
import { type Emit, evaluations } from './evaluations.ts';
import { type Probes, probes } from './probes.ts';
import { asResponse, type Describe, refusal } from './refusal.ts';
import { type RegistryEvents, webhooks } from './webhooks.ts';

export interface AppOptions extends Probes {
  /** Takes what registries say. */
  readonly registry: RegistryEvents;
  readonly emit: Emit;
  /** How the errors of `emit` are answered. */
  readonly describe: Describe;
  /** Who may post what no registry has signed. */
  readonly access: Access;
}

/**
 * The HTTP app, to be served by itself or mounted in another one by its `fetch`:
 * - `POST /webhooks/mlflow`: a delivery of MLflow's registry webhook, signed by HMAC;
 * - `POST /webhooks/sagemaker`: an event of EventBridge;
 * - `POST /evaluations`: documents to judge, as the command `emit` takes them; answers what was announced and rejected;
 * - `GET /healthz`, `GET /readyz`: for probes, without details.
 *
 * Errors are `{ error }` in JSON: 400, 401, 403, 404, 405, 413, 415, 429, 5xx. What is refused is an event.
 */
export function createApp({ registry, emit, describe, access, ...ready }: AppOptions): Hono {
  const app = new Hono();
  app.route('/', probes(ready));
  app.route('/webhooks', webhooks(registry, access));
  app.route('/evaluations', evaluations(emit, access));
  app.notFound((context) => context.json({ error: 'there is nothing here' }, 404));
  app.onError((error) => asResponse(refusal(error, describe)));
  return app;
}
