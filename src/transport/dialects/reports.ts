import { deriveId } from '../../message/id.ts';
import type { Decoded, Dialect, Fields } from './dialect.ts';
import { fieldOf, textOfFields, without } from './fields.ts';
import { pythonJson } from './python-json.ts';
import { envelopeTime, pythonTime } from './python-time.ts';
import { members, stringOf } from './raw-json.ts';
import { reasonHeaders, reasonText } from './reason.ts';
import { decoded, toSay, unread } from './speech.ts';
import type { StreamSystem } from './systems.ts';

/** What is added to a dead letter, for theirs has none. */
const ADDED = ['error', 'failed_at', 'original_id'];

/** A report is its data, all of it; who sent it and when are in there. */
function said(text: string, topic: string): Decoded | undefined {
  const report = members(text);
  if (report === undefined) return undefined;
  const team = stringOf(report.get('team_id')) || 'reports';
  return decoded({
    id: deriveId([text]),
    topic,
    source: encodeURI(team.toWellFormed()),
    time: envelopeTime(stringOf(report.get('timestamp')), 'local'),
    data: text.trim(),
  });
}

/** Reports in files: indented by two spaces. What is given up is ours, and laid out as ours. */
export const fileReports: Omit<Dialect<string>, 'dead' | 'undead'> = {
  encode: (message) => pythonJson(toSay(message).data, { indent: 2 }),
  decode: (text, { topic }) => said(text, topic) ?? unread(text, 'the file is no JSON object'),
  retry: (text) => text,
  complete: (text) => members(text) !== undefined,
  replay: (text) => text,
};

/** Reports in the one field of a stream's entries. */
const streamed: Dialect<Fields> = {
  encode: (message) => ['data', pythonJson(toSay(message).data)],

  decode(fields, { topic }) {
    const data = fieldOf(fields, 'data');
    return (
      (data === undefined ? undefined : said(data, topic)) ??
      unread(textOfFields(fields), 'the entry has no field data with a JSON object')
    );
  },

  retry: (fields) => fields,

  dead: (fields, { headers, place, now }) => [
    ...fields,
    ...['error', reasonText(headers)],
    ...['failed_at', pythonTime(now, 'local')],
    ...['original_id', place ?? ''],
  ],

  undead(fields) {
    const error = fieldOf(fields, 'error');
    const headers =
      error === undefined ? {} : reasonHeaders(error, envelopeTime(fieldOf(fields, 'failed_at'), 'local'));
    return { native: without(fields, ADDED), headers };
  },

  replay: (fields) => fields,
};

/** @param stream What their stream is called. Default: as the topic. */
export function reportStream(stream: string | undefined): StreamSystem {
  return {
    name: 'report-stream',
    dialect: streamed,
    stream: (topic) => stream ?? topic,
    group: (_topic, subscription, isFirst) => (isFirst ? 'ct002_group' : `${subscription}_group`),
    dead: () => undefined,
  };
}

/**
 * Names for files of reports, by the local time to the microsecond: no two of a process are the same, and a later one
 * stands later.
 */
export function createReportNames(): (now: number) => string {
  let last = 0;
  return (now) => {
    last = Math.max(last + 1, now * 1_000);
    const [date = '', micros = ''] = pythonTime(Math.trunc(last / 1_000), 'local').split('.');
    const fraction = `${micros.slice(0, 3).padEnd(3, '0')}${String(last % 1_000).padStart(3, '0')}`;
    return `resource_report_${date.replaceAll(/\D/g, '')}${fraction}.json`;
  };
}
