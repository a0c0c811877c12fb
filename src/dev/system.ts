import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Config, InvalidConfig, subscriptionsOf } from '../config/define-config.ts';
import { startWorker } from '../consume/worker.ts';
import { signingKeysFrom } from '../signing/signing-keys.ts';
import { queueNames } from '../transport/names.ts';
import type { Transport } from '../transport/transport.ts';
import { openTransport } from '../transport/url.ts';
import { startEmulator } from './emulator.ts';
import { startEventSourceMapping } from './event-source-mapping.ts';
import { type Platform, type PlatformOptions, startPlatform } from './platform.ts';

/** The whole system in one process: a carrier, what consumes from it, a platform. */
export interface System {
  readonly url: string;
  readonly transport: Transport;
  readonly platform: Platform;
  /** Where it is kept what was deployed last. */
  readonly deployedUrl: string;
  /** Invokes the emit function directly, as on AWS. Rejects with what it throws. */
  emit(payload: unknown): Promise<unknown>;
  /** Drains: invocations end, nothing new begins. */
  close(): Promise<void>;
}

export interface SystemOptions {
  readonly config: Config;
  /** Where the config and the functions' sources are. */
  readonly folder: string;
  readonly queuesFolder: string;
  /** Where it is kept what was deployed last, on any carrier. */
  readonly deployedFolder: string;
  /** A carrier that stands elsewhere. Default: SQS embedded here, with its state in `queuesFolder`. */
  readonly carrierUrl?: string;
  readonly platform: PlatformOptions;
  readonly onError: (error: unknown) => void;
}

const REGION = 'us-east-1';
const EMIT = 'lambdas/emit-model.ts';
/**
 * On a laptop a message that was in flight when the process was killed should not stay hidden for minutes;
 * still well above what a local handler takes.
 */
const LEASE_MS = 10_000;
const FUNCTION_TIMEOUT_MS = 8_000;

export async function startSystem(options: SystemOptions): Promise<System> {
  const { folder, onError } = options;
  const config: Config = {
    ...options.config,
    topics: options.config.topics.map((topic) => ({
      ...topic,
      subscriptions: topic.subscriptions.map((subscription) => ({ ...subscription, leaseMs: LEASE_MS })),
    })),
  };
  // Whatever fails on the way, what has been started is ended, the last one first.
  await using started = new AsyncDisposableStack();
  const carrier =
    options.carrierUrl === undefined
      ? await startEmulator({ dataDir: options.queuesFolder })
      : { url: options.carrierUrl, stop: async () => {} };
  started.defer(() => carrier.stop());
  const platform = await startPlatform(options.platform);
  started.defer(() => platform.stop());
  const deployedUrl = pathToFileURL(resolve(options.deployedFolder)).href;
  // The functions read their environment when they are loaded, as in Lambda.
  Object.assign(process.env, {
    TRANSPORT_URL: carrier.url,
    DEPLOYED_URL: deployedUrl,
    DEPLOY_URL: platform.url,
    DEPLOY_SECRET: platform.secret,
  });
  const transport = await openTransport(carrier.url, config);
  started.defer(() => transport.close());
  await transport.provision();
  const emit = await loadFunction(folder, EMIT);
  const consumers =
    'endpoint' in carrier
      ? await startFunctions(config, folder, carrier.endpoint, onError)
      : await startWorkers(config, transport, onError);
  started.defer(async () => {
    await Promise.all(consumers.map((consumer) => consumer.close()));
  });
  const running = started.move();
  return {
    url: carrier.url,
    transport,
    platform,
    deployedUrl,
    emit: (payload) => emit(payload, { getRemainingTimeInMillis: () => FUNCTION_TIMEOUT_MS }),
    close: () => running.disposeAsync(),
  };
}

interface Consumer {
  close(): Promise<void>;
}

/** The Lambda functions behind event sources, as on AWS. */
async function startFunctions(
  config: Config,
  folder: string,
  endpoint: string,
  onError: (error: unknown) => void,
): Promise<Consumer[]> {
  const consumers = await Promise.all(
    subscriptionsOf(config).map(async ({ topic, address, subscription: { lambda } }) => ({
      queueName: queueNames(config.prefix, address, topic.ordered).queue,
      invoke: await loadFunction(folder, lambda.entry),
      batchSize: lambda.batchSize,
      maxConcurrency: Math.max(1, Math.min(2, lambda.maxConcurrency)),
    })),
  );
  return consumers.map((consumer) =>
    startEventSourceMapping({
      ...consumer,
      endpoint,
      region: REGION,
      functionTimeoutMs: FUNCTION_TIMEOUT_MS,
      onError,
    }),
  );
}

/** The same handlers in workers: other carriers than SQS have no event source. */
async function startWorkers(
  config: Config,
  transport: Transport,
  onError: (error: unknown) => void,
): Promise<Consumer[]> {
  const consumers = await Promise.all(
    subscriptionsOf(config).map(async ({ topic, subscription, address }) => ({
      address,
      contract: topic.contract,
      handler: (await subscription.loadHandler()).default,
      retry: subscription.retry,
      maxAgeMs: subscription.maxAgeMs,
    })),
  );
  const signingKeys = signingKeysFrom(process.env);
  return consumers.map((consumer) => {
    const worker = startWorker({
      ...consumer,
      transport,
      signingKeys,
      handlerTimeoutMs: FUNCTION_TIMEOUT_MS,
      leaseMs: LEASE_MS,
    });
    worker.ended.catch(onError);
    return worker;
  });
}

/** A function as it is deployed: the export `handler` of its source file. */
async function loadFunction(folder: string, entry: string): Promise<LambdaFunction> {
  const file = resolve(folder, entry);
  if (!existsSync(file)) {
    throw new InvalidConfig(
      `${file} is not there: expected the source of a function; run this where the config is`,
    );
  }
  const module: { handler?: unknown } = await import(pathToFileURL(file).href);
  if (isFunction(module.handler)) return module.handler;
  throw new InvalidConfig(`${join(folder, entry)}: expected it to export a function named handler`);
}

// What it takes and answers is checked where it is used: SQS's partial batch response by the event source.
type LambdaFunction = (event: unknown, context: object) => Promise<unknown>;

function isFunction(value: unknown): value is LambdaFunction {
  return typeof value === 'function';
}
