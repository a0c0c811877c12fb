import type { Config } from '../config/define-config.ts';
import { createEmit } from '../model-ready/judge/emit.ts';
import { describeEmitError, documentsIn } from '../model-ready/judge/emit-http.ts';
import { minImprovementFrom } from '../model-ready/judge/parse-min-improvement.ts';
import { modelToEvaluate } from '../model-ready/to-evaluate.ts';
import { createRegistryEvents } from '../model-ready/webhook/evaluate-webhook.ts';
import { observe } from '../observe/events.ts';
import { createPublisher } from '../publish/publisher.ts';
import type { Secrets } from '../secrets/secrets.ts';
import type { Transport } from '../transport/transport.ts';
import { accessBy } from './access.ts';
import { createApp } from './app.ts';
import { type Listening, listen } from './listen.ts';

export interface ServeOptions {
  readonly config: Pick<Config, 'policies'>;
  readonly transport: Transport;
  /** Signs what is published. */
  readonly signingKeys?: Secrets | undefined;
  /** What MLflow signs with. Without it deliveries are answered with 404. */
  readonly webhookSecret?: Secrets | undefined;
  /** Who has it may post. Without it only this machine may. */
  readonly token?: Secrets | undefined;
  readonly port: number;
  readonly host: string;
  /** `MIN_IMPROVEMENT`, and what reaches MLflow. */
  readonly environment: NodeJS.ProcessEnv;
}

/**
 * MLflow waits for 30 s for an answer, and repeats a delivery then: it has to hear before whether it was taken.
 */
const GIVE_UP_AFTER_MS = 10_000;

/** Serves the app on a carrier. Rejects with `CannotListen` if the port cannot be had. */
export async function serve(options: ServeOptions): Promise<Listening> {
  const { transport, signingKeys, webhookSecret, token, environment } = options;
  const publisher = createPublisher({
    transport,
    source: 'hikyaku/serve',
    signingKeys,
    giveUpAfterMs: GIVE_UP_AFTER_MS,
  });
  const emit = createEmit(transport, {
    source: 'hikyaku/serve',
    signingKeys,
    policies: options.config.policies,
    minImprovement: minImprovementFrom(environment),
  });
  const carrier = watchCarrier();
  const { answer, answerEvent } = createRegistryEvents({
    secrets: webhookSecret,
    publish: (data) => publisher.publish(modelToEvaluate, data),
  });
  const app = createApp({
    isReady: carrier.isReachable,
    access: accessBy(token),
    registry: { answer: webhookSecret && answer, answerEvent },
    emit: (payload) => emit(documentsIn(payload)),
    describe: describeEmitError,
  });
  try {
    const server = await listen(app.fetch, options);
    return {
      url: server.url,
      async close() {
        await server.close();
        carrier.stop();
        await publisher.close();
      },
    };
  } catch (error) {
    carrier.stop();
    await publisher.close();
    throw error;
  }
}

function watchCarrier() {
  let isReachable = true;
  const stop = observe(({ event }) => {
    if (event === 'carrier_unavailable') isReachable = false;
    if (event === 'carrier_back') isReachable = true;
  });
  return { isReachable: () => isReachable, stop };
}
