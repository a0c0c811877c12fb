import type { Config } from '../../config/define-config.ts';
import { type Handler, Reject } from '../../consume/handler.ts';
import { inLambda } from '../../in-lambda.ts';
import { signingKeysFrom } from '../../signing/signing-keys.ts';
import { openOnce } from '../../transport/open-once.ts';
import { type ModelReadyToDeploy, modelReadyToDeploy } from '../contract.ts';
import { logModelEvents } from '../json-log.ts';
import { evaluationOfVersion } from '../registry/mlflow.ts';
import { type ModelRegistry, RegistryError } from '../registry/registry.ts';
import { evaluationOfPackage } from '../registry/sagemaker.ts';
import type { ModelToEvaluate } from '../to-evaluate.ts';
import { announce } from './announce.ts';
import { type Evaluation, InvalidEvaluation } from './evaluation.ts';
import type { GateOptions } from './gate.ts';
import { minImprovementFrom } from './parse-min-improvement.ts';

export interface EvaluateOptions extends GateOptions {
  /** Publishes one announcement, and resolves to its id once the carrier has accepted it. */
  readonly publish: (data: ModelReadyToDeploy, correlationId: string) => Promise<{ readonly id: string }>;
  /** Opens the MLflow server, and only if it is needed: in this workspace, if the request names one. */
  readonly openRegistry: (workspace?: string) => ModelRegistry | Promise<ModelRegistry>;
}

/** A model is not yet what can be judged; it may be later. */
export class NotYet extends Error {
  override readonly name = 'NotYet';
}

/**
 * A handler that judges what a registry says is to be judged, and announces what passes the gate; why another does
 * not is said by an event. Retried are a registry that is away, and a run or a registration that is not finished;
 * rejected what the registry does not know, does not give out, or says in a way that cannot be read. Announcements
 * carry the request's id as their correlation id.
 */
export function createEvaluateHandler({
  publish,
  openRegistry,
  minImprovement,
}: EvaluateOptions): Handler<ModelToEvaluate> {
  async function read(data: ModelToEvaluate): Promise<Evaluation> {
    if (data.source === 'sagemaker') return evaluationOfPackage(data);
    return evaluationOfVersion(await openRegistry(data.workspace), data.model_name, data.model_version);
  }

  return async ({ id, correlationid = id, data }) => {
    const evaluation = await read(data).catch((cause: unknown) => {
      const final =
        cause instanceof InvalidEvaluation || (cause instanceof RegistryError && !cause.retryable);
      // What was found stands in the message, and not in logs.
      throw final ? new Reject(cause instanceof InvalidEvaluation ? cause.told : cause.message) : cause;
    });
    refuseOtherRun(data, evaluation);
    refuseUnfinished(evaluation);
    await announce((model) => publish(model, correlationid), [evaluation], { minImprovement });
  };
}

/**
 * MLflow 3.17 may name another workspace than the one in which a version was registered: it remembers for a minute,
 * for all workspaces, whom to tell. The model of the same name there must not be judged instead.
 */
function refuseOtherRun({ workspace, mlflow_run_id }: ModelToEvaluate, evaluation: Evaluation): void {
  if (workspace === undefined || mlflow_run_id === undefined) return;
  if (evaluation.mlflow_run_id === mlflow_run_id) return;
  throw new Reject(
    `${evaluation.model_name} ${evaluation.model_version} in the workspace ${workspace} is not of the run that was registered: MLflow named the wrong workspace, so run it with MLFLOW_WEBHOOK_CACHE_TTL=0, and set the alias challenger again`,
  );
}

/** MLflow tells of a version the moment it is registered, which may be while its run still goes on. */
function refuseUnfinished({ run_status, version_status, mlflow_run_id }: Evaluation): void {
  if (run_status === 'RUNNING' || run_status === 'SCHEDULED') {
    throw new NotYet(`run ${mlflow_run_id} is ${run_status}`);
  }
  if (version_status === 'PENDING_REGISTRATION') throw new NotYet(`its registration is ${version_status}`);
}

/**
 * The handler that the environment asks for: announces on the carrier of `TRANSPORT_URL`, by the least improvement
 * of `MIN_IMPROVEMENT`, and asks the MLflow server of `MLFLOW_TRACKING_URI`. In Lambda what happens to models is
 * logged.
 *
 * @throws InvalidMinImprovement
 */
export function evaluateHandlerFrom(
  environment: NodeJS.ProcessEnv,
  config: Config,
): Handler<ModelToEvaluate> {
  if (inLambda()) logModelEvents();
  // Loaded when the first model passes.
  const publisher = openOnce(async () => {
    const [{ transportUrl }, { openTransport }, { createPublisher }] = await Promise.all([
      import('../../transport/schemes.ts'),
      import('../../transport/url.ts'),
      import('../../publish/publisher.ts'),
    ]);
    return createPublisher({
      transport: await openTransport(transportUrl(environment), config),
      source: 'hikyaku/evaluate-model',
      signingKeys: signingKeysFrom(environment),
    });
  });
  // Loaded when the first model of MLflow is to be judged.
  const registries = openOnce(async () => {
    const { registriesFromEnvironment } = await import('../registry/mlflow-rest.ts');
    return registriesFromEnvironment(environment);
  });
  return createEvaluateHandler({
    openRegistry: async (workspace) => (await registries())(workspace),
    minImprovement: minImprovementFrom(environment),
    publish: async (data, correlationId) =>
      (await publisher()).publish(modelReadyToDeploy, data, { correlationId }),
  });
}
