import type { ModelReadyToDeploy } from '../../src/model-ready/contract.ts';
import type { Announcement } from '../../src/model-ready/deploy/deploy-request.ts';

/** An announcement of a version of one model, whose accuracy is 0.9 unless changed; announced at a time of its own. */
export function announcementOf(
  model_version: string,
  changes: Partial<ModelReadyToDeploy> = {},
  { id = `announcement-of-${model_version}`, time = '2026-12-01T10:00:00.000Z' } = {},
): Announcement {
  const data: ModelReadyToDeploy = {
    model_id: `m-${model_version}`,
    model_name: 'churn',
    model_version,
    token_symbol: 'churn',
    metric_name: 'accuracy',
    metric_direction: 'higher',
    baseline_value: 0.5,
    current_value: 0.9,
    improvement_percentage: 80,
    ...changes,
  };
  return { id, type: 'model_ready_to_deploy', time, data };
}
