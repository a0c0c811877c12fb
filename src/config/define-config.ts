import type { Handler } from '../consume/handler.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../consume/retry-policy.ts';
import type { Contract } from '../message/contract.ts';
import { checkNames } from '../transport/names.ts';
import type { Address, Topology } from '../transport/transport.ts';
import type { DeploymentOptions } from './deployment.ts';
import { checkPolicy, type ModelPolicies, type ModelPolicy } from './policy.ts';

/** What flows: the one source of truth for Lambda functions, the command line and the CDK app. */
export interface Config extends Topology {
  readonly topics: readonly Topic[];
  /** How the CDK app deploys it; checked there. */
  readonly deployment?: DeploymentOptions;
  /** What models have to show before they are announced. */
  readonly policies?: ModelPolicies;
}

export interface Topic {
  readonly name: string;
  /** Whether messages of one key are handled in the order they were sent. */
  readonly ordered: boolean;
  readonly contract: Contract;
  readonly subscriptions: readonly Subscription[];
}

/** A named durable reader of a topic, and how its messages are handled. Durations in ms. */
export interface Subscription {
  readonly name: string;
  /** Loads the module whose default export is the handler; not loaded by those who only publish. */
  readonly loadHandler: () => Promise<{ readonly default: Handler<unknown> }>;
  readonly retry: RetryPolicy;
  readonly handlerTimeoutMs: number;
  readonly leaseMs: number;
  readonly maxDeliveries: number;
  /** How old a message may be, where its signature is verified. */
  readonly maxAgeMs?: number | undefined;
  /** How Lambda runs it. */
  readonly lambda: LambdaOptions;
}

export interface LambdaOptions {
  /** The function's source file, from the folder of the config. */
  readonly entry: string;
  /** The source file of the function that drains it, where the carrier has no event source. */
  readonly drainEntry?: string;
  /** Of the function: the handler's, and room to settle what timed out. */
  readonly timeoutMs: number;
  readonly batchSize: number;
  /** How long the event source gathers a batch larger than one receive brings. */
  readonly windowMs: number;
  readonly maxConcurrency: number;
  /** Of the event source: messages that match none of them are deleted unseen. Empty: all are handled. */
  readonly filters: readonly EventFilter[];
  /** How many drains are scheduled at once, where the carrier has no event source. They share all messages. */
  readonly partitions: number;
}

/**
 * A pattern of Lambda's event filtering, over `body`, the envelope, and `messageAttributes`:
 * `{ body: { data: { region: ['eu'] } } }`.
 */
export type EventFilter = Readonly<Record<string, unknown>>;

/** A topic as written in the config: {@link defineConfig} fills in what is left out. */
export interface TopicDefinition extends TopicOptions {
  /** The contract's: 1 to 40 characters of `a-z`, `0-9`, `_` and `-`. */
  readonly name: string;
  /** What its messages are: made by `defineMessage`. */
  readonly contract: Contract;
  /** Who reads it, by name: 1 to 16 characters of `a-z`, `0-9`, `_` and `-`. */
  readonly subscriptions: Readonly<Record<string, SubscriptionDefinition<unknown>>>;
}

export interface TopicOptions {
  /**
   * Messages of one key are handled in the order they were sent, one after the other; one that fails holds up
   * the others of its key until it is done or given up. On SQS: FIFO queues. A carrier that keeps no order
   * refuses the config. Default false.
   */
  readonly ordered?: boolean;
}

export interface SubscriptionDefinition<Data> {
  /** Loads the module whose default export is the handler; not loaded by those who only publish. */
  readonly loadHandler: () => Promise<{ readonly default: Handler<Data> }>;
  /** When a failed message is tried again. Default: 5 attempts; delays up to 1 s, 2 s, 4 s, …, at most 15 min. */
  readonly retry?: Partial<RetryPolicy>;
  /** How long a handler may take. Default 30,000: 30 s. At most 898 s, on an ordered topic 449 s. The lease is six times the function's timeout, as Lambda's event source asks. */
  readonly handlerTimeoutMs?: number;
  /** Where messages are verified: how old one may be, since it was said or last replayed by a holder of a key; older ones are dead-lettered. Default: any age. */
  readonly maxAgeMs?: number;
  /** How Lambda runs it. */
  readonly lambda: {
    /** The function's source file, from the folder of the config. */
    readonly entry: string;
    /** The source file of its drain, from the folder of the config: needed to deploy it with `-c transport=redis`. Default: none. */
    readonly drainEntry?: string;
    /** Messages for one invocation at most, up to 10,000. Default 10; more only where the topic is not ordered. */
    readonly batchSize?: number;
    /** How long to gather a batch, in whole seconds of ms, up to 300,000; 0 where the topic is ordered. Default 0, or 1 s for a batch of more than 10. */
    readonly windowMs?: number;
    /** Invocations at once, 2 to 1,000. Default 10. */
    readonly maxConcurrency?: number;
    /**
     * Only messages that match one of them are handled, five at most. Lambda deletes all others: they are done, and
     * nobody sees them. Of the event source in AWS only: workers and `npm start` hand over all. Default: none, and
     * all are handled.
     */
    readonly filters?: readonly EventFilter[];
    /** Drains only: how many are scheduled at once, at most 100. Default 1. */
    readonly partitions?: number;
  };
}

/** A config that cannot work: the message names the path to the field, and what was expected. */
export class InvalidConfig extends Error {
  override readonly name = 'InvalidConfig';
}

/**
 * One topic with its contract and subscriptions; checks that each handler takes the contract's data.
 *
 * @example
 * topic(OrderChanged, { stock: { loadHandler, lambda: { entry: 'lambdas/stock.ts' } } }, { ordered: true });
 */
export function topic<Data>(
  contract: Contract<Data>,
  subscriptions: Readonly<Record<string, SubscriptionDefinition<Data>>>,
  options: TopicOptions = {},
): TopicDefinition {
  return { name: contract.name, contract, subscriptions, ...options };
}

/**
 * Fills in the defaults and checks the whole.
 *
 * @throws InvalidConfig, InvalidName naming the path to the field.
 */
export function defineConfig(definition: {
  /** Sets installations apart in one account or server: 1 to 16 characters of `a-z`, `0-9`, `_` and `-`, on AWS 11, for the stage is added. Default `hikyaku`. */
  readonly prefix?: string;
  /** Each made by `topic(contract, subscriptions, options)`. */
  readonly topics: readonly TopicDefinition[];
  /** How the CDK app deploys it. */
  readonly deployment?: DeploymentOptions;
  /** What models have to show before they are announced, by a model's name or a pattern such as `fraud-*`: the exact name counts first, then the first pattern that matches. Default: to beat their baselines. */
  readonly policies?: Readonly<Record<string, ModelPolicy>>;
}): Config {
  const config: Config = {
    ...definition,
    prefix: definition.prefix ?? 'hikyaku',
    topics: definition.topics.map(({ name, contract, subscriptions, ordered = false }) => ({
      name,
      contract,
      ordered,
      subscriptions: Object.entries(subscriptions).map(([name_, subscription]) =>
        complete(`topics.${name}.subscriptions.${name_}`, name_, subscription, ordered),
      ),
    })),
  };
  const names = config.topics.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new InvalidConfig(`topics.${twice} stands twice`);
  for (const [model, policy] of Object.entries(definition.policies ?? {})) {
    const issue = checkPolicy(policy);
    if (issue) throw new InvalidConfig(`policies.${model}${issue.path}: expected ${issue.expected}`);
  }
  checkNames(config);
  return config;
}

/** Lambda's event source asks for a visibility timeout of at least six times the function's. */
const LEASE_TIMEOUTS = 6;
/** What a function's timeout is longer than its handler's. */
const SPARE_MS = 2_000;
/** A Lambda function runs for 15 minutes at most. */
const LONGEST_FUNCTION = 900_000;
/** SQS hands over ten messages at once; for more the event source has to gather. */
const ONE_RECEIVE = 10;
/** SQS hides a message for 12 hours at most. */
const LONGEST_LEASE = 12 * 3_600_000;

/** A carrier lets at most this many deliveries pass. */
const MOST_DELIVERIES = 1_000;
/** Deliveries kept free for crashes, throttles and answers that never arrived: for each attempt, and in all. */
const SPARE_DELIVERIES = { perAttempt: 2, inAll: 10 };

function complete(
  path: string,
  name: string,
  definition: SubscriptionDefinition<unknown>,
  ordered: boolean,
): Subscription {
  // On an ordered topic each attempt at one message of a batch may send back the others of its key.
  const deliveries = 1 + SPARE_DELIVERIES.perAttempt + (ordered ? ONE_RECEIVE : 0);
  const mostAttempts = Math.min(100, Math.floor((MOST_DELIVERIES - SPARE_DELIVERIES.inAll) / deliveries));
  const retry = { ...DEFAULT_RETRY, ...definition.retry };
  const handlerTimeoutMs = definition.handlerTimeoutMs ?? 30_000;
  whole(`${path}.retry.maxAttempts`, retry.maxAttempts, 1, mostAttempts);
  whole(`${path}.retry.baseMs`, retry.baseMs, 0, LONGEST_LEASE);
  whole(`${path}.retry.maxMs`, retry.maxMs, 0, LONGEST_LEASE);
  // On an ordered topic messages of one key take turns: the later ones begin while a whole handler's time is left.
  const handlers = ordered ? 2 : 1;
  whole(`${path}.handlerTimeoutMs`, handlerTimeoutMs, 1, (LONGEST_FUNCTION - SPARE_MS) / handlers);
  const { maxAgeMs } = definition;
  if (maxAgeMs !== undefined) whole(`${path}.maxAgeMs`, maxAgeMs, 1, Number.MAX_SAFE_INTEGER);
  // Lambda counts whole seconds.
  const timeoutMs = Math.ceil(handlerTimeoutMs / 1_000) * 1_000 * handlers + SPARE_MS;
  const { filters = [], batchSize = 10, maxConcurrency = 10, partitions = 1 } = definition.lambda;
  const windowMs = definition.lambda.windowMs ?? (batchSize > ONE_RECEIVE ? 1_000 : 0);
  const why = ordered ? ', for a FIFO queue hands over no more at once' : '';
  whole(`${path}.lambda.batchSize`, batchSize, 1, ordered ? ONE_RECEIVE : 10_000, why);
  return {
    name,
    loadHandler: definition.loadHandler,
    retry,
    handlerTimeoutMs,
    maxAgeMs,
    leaseMs: timeoutMs * LEASE_TIMEOUTS + windowMs,
    maxDeliveries: retry.maxAttempts * deliveries + SPARE_DELIVERIES.inAll,
    lambda: { ...definition.lambda, timeoutMs, batchSize, windowMs, maxConcurrency, filters, partitions },
  };
}

function whole(path: string, value: number, least: number, most: number, why = ''): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new InvalidConfig(`${path} is ${value}: expected a whole number from ${least} to ${most}${why}`);
}

/** A subscription of the config, with its topic and address. */
export interface FoundSubscription {
  readonly topic: Topic;
  readonly subscription: Subscription;
  readonly address: Address;
}

/** All subscriptions, in the config's order. */
export function subscriptionsOf(config: Config): FoundSubscription[] {
  return config.topics.flatMap((topic) =>
    topic.subscriptions.map((subscription) => ({
      topic,
      subscription,
      address: { topic: topic.name, subscription: subscription.name },
    })),
  );
}
