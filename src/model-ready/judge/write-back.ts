import { describeThrown } from '../../text/describe-thrown.ts';
import { emitModelEvent } from '../events.ts';
import type { WritableRegistry } from '../registry/registry.ts';
import type { OnVerdict } from './announce.ts';
import { describeGain } from './gain.ts';

/** The tags that a verdict is written into, of the model version. */
export const VERDICT_TAGS = {
  verdict: 'hikyaku.verdict',
  reason: 'hikyaku.reason',
  announcement: 'hikyaku.announcement',
} as const;

/** MLflow keeps longer ones only in newer versions. */
const LONGEST_TAG = 5_000;

/**
 * What writes verdicts into the registry, where `MLFLOW_WRITE_BACK` is `true`: `hikyaku.verdict` is `announced` or
 * `rejected`, `hikyaku.reason` says why, `hikyaku.announcement` is the message's id or `none`. A verdict that cannot be
 * written holds all the same: an event says so.
 */
export function writeBackFrom(
  environment: NodeJS.ProcessEnv,
  openRegistry: () => WritableRegistry | Promise<WritableRegistry>,
): OnVerdict | undefined {
  if (environment['MLFLOW_WRITE_BACK'] !== 'true') return undefined;
  let registry: WritableRegistry | undefined;
  return async (verdict) => {
    const { model_name, model_version } = verdict;
    if (model_name === null || model_version === null) return;
    const { verdict: tag, reason, announcement } = VERDICT_TAGS;
    // The verdict comes last: whoever sees it finds the other two of the same time.
    const tags =
      'id' in verdict
        ? { [reason]: describeGain(verdict), [announcement]: verdict.id, [tag]: 'announced' }
        : {
            [reason]: `${verdict.code}: ${verdict.reason}`.slice(0, LONGEST_TAG),
            [announcement]: 'none',
            [tag]: 'rejected',
          };
    try {
      registry ??= await openRegistry();
      for (const [key, value] of Object.entries(tags)) {
        await registry.setVersionTag(model_name, model_version, key, value);
      }
    } catch (error) {
      emitModelEvent({
        event: 'write_back_failed',
        model_name,
        model_version,
        error: describeThrown(error, true),
      });
    }
  };
}
