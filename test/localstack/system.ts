import { randomUUID } from 'node:crypto';
import { expect, inject, vi } from 'vitest';
import config from '../../hikyaku.config.ts';
import { untilSettled } from '../../src/dev/settled.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { openTransport } from '../../src/transport/url.ts';
import { runHere } from '../support/cli.ts';
import { MLFLOW_SECRET } from '../support/mlflow-deliveries.ts';
import { startMlflow } from '../support/mlflow-server.ts';
import { call } from './aws.ts';
import { deploy, destroy, type Outputs } from './cdk.ts';
import { reachable, trustTests } from './reach.ts';
import { type Receiver, startReceiver } from './receiver.ts';

/** What queues, streams and stacks of the stage `dev` begin with. */
export const PREFIX = 'hikyaku-dev';

export interface SystemOptions {
  readonly context: Readonly<Record<string, string>>;
  /** The `TRANSPORT_URL` of programs of this machine. */
  readonly transportUrl: string;
  /** Called again and again while messages are under way, where nothing else brings them to their handlers. */
  readonly drain?: () => Promise<void>;
}

/** The system as it is deployed, and what stands around it: a platform, and an MLflow server with the examples. */
export interface System {
  readonly outputs: Outputs;
  readonly stacks: readonly string[];
  readonly receiver: Receiver;
  readonly transport: Transport;
  /** Resolves once these models have been deployed, no other, and nothing is under way any more. Forgets them. */
  untilDeployed(models: readonly string[]): Promise<void>;
  /** Runs `hikyaku` on it. */
  hikyaku(...words: string[]): ReturnType<typeof runHere>;
  /** Deploys the same again, and resolves to what that printed. */
  deployAgain(): Promise<string>;
  /** Takes its stacks away. */
  destroy(): Promise<void>;
  /** Ends what stands around it, and takes its stacks away if they are still there. */
  stop(): Promise<void>;
}

/** By far longer than anything takes, on a machine that does other things too. In ms. */
export const PATIENCE = { timeout: 100_000, interval: 250 };

export async function deploySystem({ context, transportUrl, drain }: SystemOptions): Promise<System> {
  const [receiver, mlflow] = await Promise.all([startReceiver(), startMlflow()]);
  const [platform, registry] = await Promise.all([reachable(receiver.url), reachable(mlflow.url)]);
  const secrets = await Promise.all([createSecret(receiver.secret), createSecret(MLFLOW_SECRET)]);
  const [deploySecret, webhookSecret] = secrets;
  const whole = {
    stage: 'dev',
    ...context,
    deployUrl: platform.url,
    deploySecret,
    webhookSecret,
    mlflowTrackingUri: registry.url,
  };
  const { outputs, stacks } = await deploy(whole);
  await trustTests();
  const environment = { ...inject('localstack'), TRANSPORT_URL: transportUrl };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const transport = await openTransport(transportUrl, config);
  let standing = true;

  const system: System = {
    outputs,
    stacks,
    receiver,
    transport,

    async untilDeployed(models) {
      const expected = models.toSorted();
      await vi.waitFor(async () => {
        await drain?.();
        expect(receiver.deployed()).toEqual(expected);
      }, PATIENCE);
      await untilSettled(transport, config, AbortSignal.timeout(PATIENCE.timeout));
      expect(receiver.deployed()).toEqual(expected);
      receiver.clear();
    },

    hikyaku: (...words) => runHere(words, environment),

    async deployAgain() {
      const { printed } = await deploy(whole);
      return printed;
    },

    async destroy() {
      await destroy(whole);
      standing = false;
    },

    async stop() {
      await transport.close();
      if (standing) await system.destroy();
      for (const one of [platform, registry, receiver, mlflow]) await one.stop();
      for (const SecretId of secrets) {
        await call('secretsmanager', 'secretsmanager.DeleteSecret', {
          SecretId,
          ForceDeleteWithoutRecovery: true,
        });
      }
    },
  };
  return system;
}

/** Resolves to its ARN. */
async function createSecret(SecretString: string): Promise<string> {
  const { ARN } = await call<{ ARN: string }>('secretsmanager', 'secretsmanager.CreateSecret', {
    Name: `hikyaku-test-${randomUUID()}`,
    SecretString,
    ClientRequestToken: randomUUID(),
  });
  return ARN;
}
