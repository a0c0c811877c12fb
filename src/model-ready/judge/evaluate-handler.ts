import { type Handler, Reject } from '../../consume/handler.ts';
import type { ModelReadyToDeploy } from '../contract.ts';
import { type ModelRegistry, RegistryError } from '../registry/registry.ts';
import type { ModelToEvaluate } from '../to-evaluate.ts';
import { announce, type OnVerdict } from './announce.ts';
import type { Evidence } from './evidence.ts';
import { evidenceOfVersion } from './from-registry.ts';
import { evidenceOfPackage } from './from-sagemaker.ts';
import type { JudgeSettings } from './settings.ts';
import { unlessMissing } from './subject.ts';

export interface EvaluateOptions extends JudgeSettings {
  /** Publishes one announcement, and resolves to its id once the carrier has accepted it. */
  readonly publish: (data: ModelReadyToDeploy, correlationId: string) => Promise<{ readonly id: string }>;
  /** Opens the MLflow server, and only if it is needed: in this workspace, if the request names one. */
  readonly openRegistry: (workspace?: string) => ModelRegistry | Promise<ModelRegistry>;
  /** Makes what is told of verdicts in a workspace; undefined where nobody is. */
  readonly onVerdict?: ((workspace?: string) => OnVerdict | undefined) | undefined;
}

/** A model is not yet what can be judged; it may be later. */
export class NotYet extends Error {
  override readonly name = 'NotYet';
}

/**
 * A handler that judges what a registry asks to be judged, and announces what passes the gate. An event says why another
 * model does not pass. The handler retries while the registry is away or refuses access, and while a run or a
 * registration is not finished. It rejects a message only if the registry's answer cannot be read. Announcements carry
 * the request's id as their correlation id.
 */
export function createEvaluateHandler({
  publish,
  openRegistry,
  onVerdict,
  ...settings
}: EvaluateOptions): Handler<ModelToEvaluate> {
  async function read(data: ModelToEvaluate): Promise<Evidence> {
    if (data.source === 'sagemaker') return evidenceOfPackage(data, settings);
    return evidenceOfRegistered(await openRegistry(data.workspace), data, settings);
  }

  return async ({ id, correlationid = id, data }) => {
    const evidence = await read(data).catch((cause: unknown) => {
      // What was found stands in the message, and not in logs.
      throw cause instanceof RegistryError && cause.code === 'Invalid' ? new Reject(cause.message) : cause;
    });
    refuseUnfinished(evidence);
    await announce((model) => publish(model, correlationid), [evidence], onVerdict?.(data.workspace));
  };
}

/** A version that was deleted since it was registered has a verdict like any other. */
async function evidenceOfRegistered(
  registry: ModelRegistry,
  data: ModelToEvaluate,
  settings: JudgeSettings,
): Promise<Evidence> {
  const { model_name, model_version } = data;
  const version = await unlessMissing(registry.modelVersion(model_name, model_version));
  if (version === undefined) {
    return notRegistered(
      data,
      `the registry has no version ${model_version} of it: it is deleted, or was never there`,
    );
  }
  const evidence = await evidenceOfVersion(registry, version, settings);
  return isOtherRun(data, evidence)
    ? notRegistered(
        data,
        `the version of its name and number in the workspace ${data.workspace} is not of the run that was registered: MLflow named the wrong workspace, so run it with MLFLOW_WEBHOOK_CACHE_TTL=0, and set the alias challenger again`,
      )
    : evidence;
}

/**
 * MLflow 3.17 may name another workspace than the one in which a version was registered: it remembers for a minute,
 * for all workspaces, whom to tell. The model of the same name there must not be judged instead.
 */
function isOtherRun({ workspace, mlflow_run_id }: ModelToEvaluate, { model }: Evidence): boolean {
  return workspace !== undefined && mlflow_run_id !== undefined && model.mlflow_run_id !== mlflow_run_id;
}

function notRegistered({ model_name, model_version }: ModelToEvaluate, reason: string): Evidence {
  return {
    model: { model_name, model_version, token_symbol: null },
    metric: null,
    candidate: { from: 'nowhere' },
    baselines: [],
    isBaseline: false,
    guardrails: [],
    policy: {},
    problem: { code: 'not_registered', reason },
  };
}

/** MLflow tells of a version the moment it is registered, which may be while its run still goes on. */
function refuseUnfinished({ model, problem, candidate }: Evidence): void {
  const { run_status, version_status, mlflow_run_id } = model;
  if (run_status === 'RUNNING' || run_status === 'SCHEDULED') {
    throw new NotYet(`run ${mlflow_run_id} is ${run_status}`);
  }
  if (version_status === 'PENDING_REGISTRATION') throw new NotYet(`its registration is ${version_status}`);
  const passing = [problem, candidate.problem].find((one) => one?.mayPass);
  if (passing) throw new NotYet(passing.reason);
}
