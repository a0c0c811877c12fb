import { objectOf } from './raw-json.ts';

/** The message that the system was made for; others are queued as they are. */
export const MODEL_READY = 'model_ready_to_deploy';

/** What their message has, in its order; those that may be missing are `null` there. */
const ALWAYS = [
  'model_id',
  'token_symbol',
  'metric_name',
  'baseline_value',
  'current_value',
  'model_name',
  'model_version',
  'mlflow_run_id',
  'improvement_percentage',
  'contributor_address',
  'experiment_name',
  'tags',
  'timestamp',
  'message_version',
];
/** What newer programs know as well, and older ones must not get. */
const NEWER = [
  'status',
  'proposal_identifier',
  'api_schema',
  'eval_spec',
  'scorer_ref',
  'primary_metric',
  'benchmark_spec_id',
];

type Members = ReadonlyMap<string, string>;

/**
 * The announcement as our contract has it: what is missing is left out, not `null`; and they announce only what is better
 * than its baseline, so that both values say which direction is.
 */
export function readAnnouncement(payload: Members): Map<string, string> {
  const data = new Map(Array.from(payload).filter(([, json]) => json !== 'null'));
  const [baseline, current] = [data.get('baseline_value'), data.get('current_value')];
  if (!data.has('metric_direction') && baseline !== undefined && current !== undefined) {
    data.set('metric_direction', Number(current) < Number(baseline) ? '"lower"' : '"higher"');
  }
  return data;
}

/**
 * The announcement as theirs read it, into an object that takes no other names: ours are left out. Only newer ones take
 * a model without a run, when it says that it is registered.
 *
 * @param timestamp When it was said, as they write it.
 */
export function writeAnnouncement(data: Members, timestamp: string): string {
  const payload = new Map(ALWAYS.map((name) => [name, data.get(name) ?? 'null']));
  if (!data.has('timestamp')) payload.set('timestamp', JSON.stringify(timestamp));
  if (!data.has('message_version')) payload.set('message_version', '"1.0"');
  if (payload.get('mlflow_run_id') === 'null') payload.set('status', '"registered"');
  for (const name of NEWER) {
    const json = data.get(name);
    if (json !== undefined) payload.set(name, json);
  }
  return objectOf(payload);
}

/** The same in a message that is not nested, and names nothing that is missing. */
export function presentOnly(payload: Members): Map<string, string> {
  return new Map(Array.from(payload).filter(([, json]) => json !== 'null'));
}
