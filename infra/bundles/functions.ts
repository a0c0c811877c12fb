import { join, resolve } from 'node:path';
import { type Config, type FoundSubscription, subscriptionsOf } from '../../src/config/define-config.ts';

/** A Lambda function of this system: `entry` is the source file that exports its `handler`. */
export interface LambdaFunction {
  /** Also the name of the folder its bundle is put in. */
  readonly name: string;
  readonly entry: string;
  /** The drivers it carries, by their folders in `src/transport`. Default: memory and sqs. */
  readonly drivers?: readonly string[];
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

/**
 * Deploys the same on Redis, which Lambda has no event source for: a drain, invoked on a schedule. No stack
 * deploys it yet.
 */
export const DRAIN = {
  name: 'drain-model',
  entry: join(ROOT, 'lambdas/drain-model.ts'),
  drivers: ['redis-streams'],
} as const satisfies LambdaFunction;

/** Takes what model registries say, and publishes on its topic what asks for a model to be judged. */
export const EVALUATE_WEBHOOK = {
  name: 'evaluate-webhook',
  entry: join(ROOT, 'lambdas/evaluate-webhook.ts'),
  topic: 'model_to_evaluate',
} as const satisfies LambdaFunction & { topic: string };

/** Judges what the webhook publishes, and announces on emit's topic: the consumer of the subscription `judge`. */
export const EVALUATE = `${EVALUATE_WEBHOOK.topic}-judge`;

/** The function that consumes a subscription. */
export function consumerOf({ address, subscription }: FoundSubscription): LambdaFunction {
  return {
    name: `${address.topic}-${address.subscription}`,
    entry: resolve(ROOT, subscription.lambda.entry),
  };
}

/** All of them. */
export function lambdaFunctions(config: Config): LambdaFunction[] {
  return [EMIT, EVALUATE_WEBHOOK, ...subscriptionsOf(config).map(consumerOf)];
}
