import { createFileTransport } from '../file/file.ts';
import { frame } from '../file/frame.ts';
import type { FileOptions } from '../file/options.ts';
import type { Topology, Transport } from '../transport.ts';
import type { Dialect } from './dialect.ts';
import { createReportNames, fileReports } from './reports.ts';

/** In ms: no file is so old. Theirs keeps what is done with for ever, and ours unless a retention is asked for. */
const FOR_EVER = 30 * 365 * 86_400_000;

/** Reports, and dead letters in a folder that theirs does not look into: with reason and history, as ours have them. */
const dialect: Dialect<string> = {
  ...fileReports,
  dead: frame.dead,
  undead: (text) => ({ native: frame.decode(text, { topic: '' }).body, headers: frame.undead(text).headers }),
};

/**
 * Carries reports in the folders of programs that are not ours: a report in `new`, one that is done with in `archive`,
 * and there also a copy of one that could not be read, `<name>.corrupted`.
 *
 * Throws InvalidName for a topology whose names do not fit, TransportError `Unsupported` for one with several
 * subscriptions of a topic.
 */
export function createReportFiles(topology: Topology, options: FileOptions): Transport {
  return createFileTransport(topology, {
    ...options,
    layout: 'flat',
    retentionMs: options.retentionMs || FOR_EVER,
    dialect,
    nameOf: createReportNames(),
    unreadSuffix: '.corrupted',
  });
}
