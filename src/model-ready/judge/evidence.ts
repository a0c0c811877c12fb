import type { ModelPolicy } from '../../config/policy.ts';
import type { ModelReadyToDeploy } from '../contract.ts';
import type { Dataset } from '../registry/registry.ts';
import type { RejectionCode } from './rejection.ts';

/** Everything that is known of a model when it is judged, gathered beforehand: the gate asks nobody. */
export interface Evidence {
  readonly model: JudgedModel;
  /** Null where none is named. */
  readonly metric: string | null;
  readonly candidate: Measured;
  /** Each of them has to be beaten. */
  readonly baselines: readonly Baseline[];
  /** The model is what others are compared with. */
  readonly isBaseline: boolean;
  readonly guardrails: readonly GuardedMetric[];
  /** With what tags override. */
  readonly policy: ModelPolicy;
  /** Why it cannot be judged, whatever its values are. */
  readonly problem?: Problem | undefined;
}

type Compared =
  | 'model_name'
  | 'model_version'
  | 'token_symbol'
  | 'metric_name'
  | 'metric_direction'
  | 'baseline_value'
  | 'current_value'
  | 'improvement_percentage'
  | 'dataset';

/** Fields of the announcement that say what is judged and are not compared. */
export type JudgedModel = {
  readonly [Field in Exclude<keyof ModelReadyToDeploy, Compared>]?: ModelReadyToDeploy[Field] | undefined;
} & {
  /** Null where the run is not registered. */
  readonly model_name: string | null;
  readonly model_version: string | null;
  readonly token_symbol: string | null;
  /** As MLflow says it: `FINISHED`, `FAILED`, …; absent is taken for finished. */
  readonly run_status?: string | undefined;
  /** Of the model version, as MLflow says it: `READY`, …; absent is taken for ready. */
  readonly version_status?: string | undefined;
};

/** A value of a metric, or why there is none that counts. */
export interface Measured {
  /** May be NaN or infinite; absent where nothing was measured. */
  readonly value?: number | undefined;
  /** Where the value comes from, as a person reads it: `logged model m-…, run …, step 3`. */
  readonly from: string;
  readonly dataset?: Dataset | undefined;
  /** How many examples it was measured on. */
  readonly examples?: number | undefined;
  /** Of the value, in its unit. */
  readonly standardError?: number | undefined;
  /** Why the value must not be used. */
  readonly problem?: Problem | undefined;
}

export interface Baseline extends Measured {
  readonly kind: 'stated' | 'champion';
  /** As a person reads it: `its baseline`, `the champion churn 3`. */
  readonly name: string;
  /** The value is a number that a person wrote down, without sampling error. */
  readonly isExact: boolean;
}

/** What a guardrail of the policy looks at. */
export interface GuardedMetric {
  /** As a person reads it: `recall`, `accuracy on women`. */
  readonly name: string;
  readonly metric: string;
  readonly candidate: Measured;
  /** In the order of the evidence's baselines; empty where only bounds are asked for. */
  readonly baselines: readonly Measured[];
  readonly direction?: 'higher' | 'lower' | undefined;
  readonly maxLoss?: number | undefined;
  readonly maxRelativeLoss?: number | undefined;
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

export interface Problem {
  readonly code: RejectionCode;
  /** One clause for a person. */
  readonly reason: string;
  /** It may be over soon: the model is not finished yet. */
  readonly mayPass?: boolean;
}
