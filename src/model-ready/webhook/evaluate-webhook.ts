import { type HttpAnswer, type HttpError, httpAnswer } from '../../publish/http-answer.ts';
import { asHttpRequest, type HttpRequest, readJsonBody } from '../../publish/http-request.ts';
import { type Secrets, SecretUnavailable } from '../../secrets/secrets.ts';
import { within } from '../../time/within.ts';
import { emitModelEvent } from '../events.ts';
import { InvalidEvaluation } from '../judge/evaluation.ts';
import { refusedAnswer } from '../refused-answer.ts';
import type { ModelToEvaluate } from '../to-evaluate.ts';
import { type Delivery, DeliveryRefused, readDelivery } from './mlflow-delivery.ts';
import { type RegistryEvent, readEventBridgeEvent, readMlflowEvent } from './registry-events.ts';

export interface EvaluateWebhookOptions {
  /** Publishes one request, and resolves once the carrier has accepted it. */
  readonly publish: (data: ModelToEvaluate) => Promise<{ readonly id: string }>;
  /** What MLflow signs with. Without, nothing that comes over HTTP is taken. */
  readonly secrets?: Secrets | undefined;
  /** In ms. */
  readonly now?: () => number;
}

/** What became of an event: the id of what was published, or why nothing was. */
export type Outcome = { readonly id: string } | { readonly ignored: string };

/**
 * Takes what model registries say, and publishes what asks for a model to be judged: webhook deliveries of MLflow
 * over HTTP, and events of EventBridge. Nothing is judged here, so that the answer comes at once.
 *
 * HTTP is answered with 202 and the id of what was published, 200 and why nothing was; 401 when it is not signed
 * as it should be, 413 and 400 when it cannot be read, and 5xx or 429, which MLflow tries again. What comes from
 * EventBridge is answered with the same outcome, and rejects when it cannot be taken.
 */
export function createEvaluateWebhook(options: EvaluateWebhookOptions) {
  const { answer, take } = createRegistryEvents(options);
  return async (event: unknown): Promise<HttpAnswer | Outcome> => {
    const http = asHttpRequest(event);
    return http === undefined ? take(event) : answer(http);
  };
}

/** The same by what was asked: a request over HTTP, or an event of EventBridge. */
export function createRegistryEvents({ publish, secrets, now = Date.now }: EvaluateWebhookOptions) {
  async function request(event: RegistryEvent): Promise<Outcome> {
    if (!event.asks) {
      emitModelEvent({ event: 'ignored', model_name: null, model_version: null, reason: event.reason });
      return { ignored: event.reason };
    }
    const { id } = await publish(event.data);
    const { model_name, model_version } = event.data;
    emitModelEvent({ event: 'requested', id, model_name, model_version });
    return { id };
  }

  const taken = new Map<string, Promise<Outcome>>();
  /** MLflow sends again what was answered slowly: here that is taken once, and gets the same answer. */
  function requestOnce({ id, body }: Delivery): Promise<Outcome> {
    const before = taken.get(id);
    if (before !== undefined) return before;
    const outcome = request(readMlflowEvent(readJsonBody(body), id));
    taken.set(id, outcome);
    outcome.catch(() => taken.delete(id));
    const [oldest] = taken.keys();
    if (taken.size > MOST_REMEMBERED && oldest !== undefined) taken.delete(oldest);
    return outcome;
  }

  async function answered(asked: () => Promise<Outcome>, delivery: boolean): Promise<HttpAnswer> {
    try {
      const outcome = await within(ANSWER_WITHIN_MS, asked());
      if (outcome === undefined) throw new TooSlow(`not taken within ${ANSWER_WITHIN_MS / 1_000} s`);
      return httpAnswer('id' in outcome ? 202 : 200, outcome);
    } catch (error) {
      return refusedAnswer(error, describe(error), delivery);
    }
  }

  async function deliver(http: HttpRequest): Promise<Outcome> {
    if (secrets === undefined) throw new DeliveryRefused('no webhook is set up here');
    return requestOnce(await readDelivery(http, secrets, now()));
  }

  const take = async (event: unknown): Promise<Outcome> => request(readEventBridgeEvent(event));
  return {
    take,
    answer: (http: HttpRequest) =>
      answered(() => deliver(http), http.header('x-mlflow-delivery-id') !== undefined),
    answerEvent: (event: unknown) => answered(() => take(event), false),
  };
}

const MOST_REMEMBERED = 1_000;
/** The function has 15 s, and what it does not answer within them it cannot count. In ms. */
const ANSWER_WITHIN_MS = 12_000;

/** It goes on, and may succeed: the same delivery is answered with what becomes of it. */
class TooSlow extends Error {
  override readonly name = 'TooSlow';
}

function describe(error: unknown): HttpError | undefined {
  if (error instanceof DeliveryRefused) return { statusCode: 401, body: { error: error.message } };
  if (error instanceof InvalidEvaluation) return { statusCode: 400, body: { error: error.message } };
  if (error instanceof SecretUnavailable || error instanceof TooSlow) {
    return { statusCode: 503, body: { error: 'try again later' } };
  }
  return undefined;
}
