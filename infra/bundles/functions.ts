import { join, resolve } from 'node:path';
import {
  type Config,
  type FoundSubscription,
  InvalidConfig,
  subscriptionsOf,
} from '../../src/config/define-config.ts';
import type { TransportName } from '../transport.ts';

/** A Lambda function of this system: `entry` is the source file that exports its `handler`. */
export interface LambdaFunction {
  /** Also the name of the folder its bundle is put in. */
  readonly name: string;
  readonly entry: string;
  /** The drivers it carries, by their folders in `src/transport`. Default: memory and sqs. */
  readonly drivers?: readonly string[];
  /** It consumes a topic whose keys stay in order. Default: it may. */
  readonly ordered?: boolean;
}

export const ROOT = resolve(import.meta.dirname, '../..');

/** Where the functions' bundles are put, a folder each. */
export const BUNDLES = join(ROOT, 'dist/lambdas');

/** Takes evaluations, and announces on its topic those that pass the gate. */
export const EMIT = {
  name: 'emit-model',
  entry: join(ROOT, 'lambdas/emit-model.ts'),
  topic: 'model_ready_to_deploy',
} as const satisfies LambdaFunction & { topic: string };

/** Deploys what emit announces: the consumer of the subscription `deploy`. */
export const DEPLOY = `${EMIT.topic}-deploy`;

/** Takes what model registries say, and publishes on its topic what asks for a model to be judged. */
export const EVALUATE_WEBHOOK = {
  name: 'evaluate-webhook',
  entry: join(ROOT, 'lambdas/evaluate-webhook.ts'),
  topic: 'model_to_evaluate',
} as const satisfies LambdaFunction & { topic: string };

/** Looks each hour for what the webhook may have missed, and publishes it as the webhook does. */
export const SWEEP = {
  name: 'sweep',
  entry: join(ROOT, 'lambdas/sweep.ts'),
  topic: EVALUATE_WEBHOOK.topic,
} as const satisfies LambdaFunction & { topic: string };

/** Judges what the webhook publishes, and announces on emit's topic: the consumer of the subscription `judge`. */
export const EVALUATE = `${EVALUATE_WEBHOOK.topic}-judge`;

/** The topics that consumers publish on themselves, by the consumers' names. */
export const PUBLISHES: Readonly<Record<string, string>> = { [EVALUATE]: EMIT.topic };

/** The name of a subscription's consumer, whatever feeds it. */
export function consumerName({ address }: FoundSubscription): string {
  return `${address.topic}-${address.subscription}`;
}

/** The function that consumes a subscription on SQS. */
export function consumerOf(found: FoundSubscription): LambdaFunction {
  const { ordered } = found.topic;
  return { name: consumerName(found), entry: resolve(ROOT, found.subscription.lambda.entry), ordered };
}

/**
 * The function that drains a subscription on Redis, which Lambda has no event source for.
 *
 * @throws InvalidConfig where the config names no source file for it.
 */
export function drainOf(found: FoundSubscription): LambdaFunction {
  const { topic, subscription } = found.address;
  const { drainEntry } = found.subscription.lambda;
  if (drainEntry === undefined) {
    throw new InvalidConfig(
      `topics.${topic}.subscriptions.${subscription}.lambda.drainEntry is missing: expected the source file of its drain, as lambdas/drain-model.ts, for Lambda has no event source for Redis`,
    );
  }
  return {
    name: `${DRAIN_PREFIX}${consumerName(found)}`,
    entry: resolve(ROOT, drainEntry),
    drivers: DRIVERS.redis,
    ordered: found.topic.ordered,
  };
}

/** No name of a topic begins so. */
export const DRAIN_PREFIX = 'drain+';

/** What functions are deployed with, by what carries their messages. */
const DRIVERS: Readonly<Record<TransportName, readonly string[]>> = {
  sqs: ['memory', 'sqs'],
  redis: ['redis-streams'],
};

/** All of them; those that judge what registries say where the config has their topic. */
export function lambdaFunctions(config: Config, transport: TransportName): LambdaFunction[] {
  const judges = config.topics.some(({ name }) => name === EVALUATE_WEBHOOK.topic);
  const publishers = judges ? [EMIT, EVALUATE_WEBHOOK, SWEEP] : [EMIT];
  return [
    ...publishers.map((one) => ({ ...one, drivers: DRIVERS[transport] })),
    ...subscriptionsOf(config).map(transport === 'sqs' ? consumerOf : drainOf),
  ];
}

/** Where the bundles for a carrier are put. */
export function bundlesFor(transport: TransportName): string {
  return transport === 'sqs' ? BUNDLES : join(BUNDLES, transport);
}
