import { metricLine } from '../observe/metric-line.ts';
import { type ModelEvent, observeModels } from './events.ts';

/**
 * Metrics of what happens to models, all counts, with the dimension `prefix`. `verdicts` has the dimension `code` as well:
 * `announced`, or the rejection's code.
 */
export type ModelMetricName =
  | 'verdicts'
  /** Deliveries of MLflow, by their own words, that were answered with 4xx: MLflow does not repeat them. */
  | 'webhook_refused'
  /** Requests that were answered with 5xx: MLflow repeats them for some seconds, and then forgets them. */
  | 'webhook_failed'
  /** Announcements that were not deployed, because another version is better or newer. */
  | 'superseded'
  /** Verdicts that could not be written into the registry. */
  | 'write_backs_failed';

/**
 * Writes a line in CloudWatch's embedded metric format for each event that is counted. There are few of them: a line each
 * needs no end of an invocation to be written at.
 */
export function measureModels(
  prefix: string,
  write: (line: string) => void = (line) => process.stdout.write(`${line}\n`),
): () => void {
  return observeModels((event) => {
    const counted = countOf(event);
    if (counted === undefined) return;
    const [name, dimensions] = counted;
    write(metricLine({ prefix, ...dimensions }, new Map([[name, [1]]])));
  });
}

function countOf(
  event: ModelEvent,
): readonly [ModelMetricName, Readonly<Record<string, string>>] | undefined {
  switch (event.event) {
    case 'announced':
      return ['verdicts', { code: 'announced' }];
    case 'rejected':
      return ['verdicts', { code: event.code }];
    case 'refused':
      if (event.status >= 500) return ['webhook_failed', {}];
      return event.delivery ? ['webhook_refused', {}] : undefined;
    case 'superseded':
      return ['superseded', {}];
    case 'write_back_failed':
      return ['write_backs_failed', {}];
    default:
      return undefined;
  }
}
