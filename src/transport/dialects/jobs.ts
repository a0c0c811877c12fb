import type { Dialect } from './dialect.ts';
import { envelopeTime, pythonTime, pythonTimeOf } from './python-time.ts';
import { countOf, members, objectOf, stringOf } from './raw-json.ts';
import { historyText, reasonHeaders, reasonText } from './reason.ts';
import { decoded, textOf, toSay, unread } from './speech.ts';
import type { ListSystem } from './systems.ts';

/** The types of jobs that are called otherwise than their queues. */
const TYPES: Readonly<Record<string, string>> = {
  new_announcements: 'announcement_scraping',
  investor_processing: 'investor_analysis',
};
const PRIORITIES: readonly string[] = ['low', 'normal', 'high', 'urgent'];

/** What every job has, and an envelope has a place of its own for. */
const COMMON = ['job_id', 'job_type', 'created_at', 'priority', 'retry_count', 'max_retries', 'timeout'];
const METADATA = 'metadata';
/** The type of what failed and was no job. */
const UNKNOWN = 'unknown';

/** The type of the jobs in a topic's queue. */
function jobType(topic: string): string {
  return Object.hasOwn(TYPES, topic) ? (TYPES[topic] ?? topic) : topic;
}

/**
 * Jobs on lists, one for each type. Data is what a type has beyond all jobs, and their `metadata` where there is any;
 * `priority` is an extension of the envelope.
 */
const dialect: Dialect<string> = {
  encode(message, { topic, now }) {
    const { event, data } = toSay(message);
    const own = new Map(members(data));
    const metadata = own.get(METADATA) ?? '{}';
    own.delete(METADATA);
    for (const name of COMMON) own.delete(name);
    const priority = textOf(event['priority']) ?? '';
    return objectOf([
      ['job_id', JSON.stringify(event.id)],
      ['job_type', JSON.stringify(jobType(topic))],
      ['created_at', JSON.stringify(pythonTimeOf(event.time, 'utc', now))],
      ['priority', JSON.stringify(PRIORITIES.includes(priority) ? priority : 'normal')],
      ['retry_count', '0'],
      ['max_retries', '3'],
      ['timeout', '300'],
      [METADATA, metadata],
      ...own,
    ]);
  },

  decode(text, { topic }) {
    const job = members(text);
    const id = stringOf(job?.get('job_id'));
    const type = stringOf(job?.get('job_type'));
    if (job === undefined || !id || !type) {
      return unread(text, 'the entry is no JSON object with job_id and job_type');
    }
    if (type !== jobType(topic)) {
      return unread(text, `it is a job of type ${type}, and ${topic} has those of ${jobType(topic)}`);
    }
    const own = new Map(job);
    for (const name of COMMON) own.delete(name);
    if (own.get(METADATA) === '{}' || own.get(METADATA) === 'null') own.delete(METADATA);
    return decoded(
      {
        id,
        topic,
        source: 'jobs',
        time: envelopeTime(stringOf(job.get('created_at')), 'utc'),
        extensions: { priority: stringOf(job.get('priority')) },
        data: objectOf(own),
      },
      countOf(job.get('retry_count')),
    );
  },

  retry: (text) => counted(text, (count) => count + 1),

  dead(text, { headers, now }) {
    const job = members(text);
    return objectOf([
      ['job_type', '"failed_job"'],
      ['original_job_type', JSON.stringify(stringOf(job?.get('job_type')) ?? UNKNOWN)],
      ['original_job_data', job === undefined ? JSON.stringify({ text }) : text],
      ['error_message', JSON.stringify(reasonText(headers))],
      ['error_traceback', JSON.stringify(historyText(headers))],
      ['failed_at', JSON.stringify(pythonTime(now, 'utc'))],
    ]);
  },

  undead(text) {
    const record = members(text);
    const data = record?.get('original_job_data');
    if (data === undefined) return { native: text, headers: {} };
    const error = stringOf(record?.get('error_message')) ?? '';
    const at = envelopeTime(stringOf(record?.get('failed_at')), 'utc');
    const job = members(data);
    const bare = job?.size === 1 ? stringOf(job.get('text')) : undefined;
    return { native: bare ?? data, headers: reasonHeaders(error, at) };
  },

  concerns(letter, { topic }) {
    const record = members(letter);
    const type = stringOf(record?.get('original_job_type')) ?? stringOf(record?.get('job_type'));
    return type === undefined || type === UNKNOWN || type === jobType(topic);
  },

  replay: (text) => counted(text, () => 0),
};

const LISTS = 'backfin:queue:';

/** Their workers take a job off its list before they do it; ours keep it beside until it is done. */
export const jobs: ListSystem = {
  name: 'jobs',
  dialect,
  names: (topic) => ({ queue: `${LISTS}${topic}`, dlq: `${LISTS}failed_jobs` }),
  urgent: { list: `${LISTS}high_priority`, jobType },
};

function counted(text: string, next: (count: number) => number): string {
  const job = members(text);
  if (job === undefined) return text;
  const count = next(countOf(job.get('retry_count')) ?? 0);
  return objectOf(new Map(job).set('retry_count', String(count)));
}
