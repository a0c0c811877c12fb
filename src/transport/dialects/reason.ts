import {
  DEAD_LETTER_CODES,
  type DeadLetterCode,
  deadLetterHeaders,
  REPLAYS,
  readDeadLetterReason,
  replaysOf,
} from '../../message/dead-letter.ts';
import type { Headers } from '../transport.ts';
import { UNREAD } from './unread.ts';

const REASON = /^(.*) \(([a-z-]+), attempts: (\d+)(?:, replays: (\d+))?\)$/s;

/**
 * Why a message was given up, in the one text that the dead letters of others have for it: a person reads it, and
 * {@link reasonHeaders} reads it back.
 */
export function reasonText(headers: Headers): string {
  const { code, message, attempts } = readDeadLetterReason(headers);
  const replays = replaysOf(headers);
  const why = headers[UNREAD] ?? message;
  return `${why} (${code}, attempts: ${attempts}${replays > 0 ? `, replays: ${replays}` : ''})`;
}

/** The headers of a dead letter. One that theirs has written was given up after its last attempt. */
export function reasonHeaders(text: string, at: string | undefined): Headers {
  const [, message = '', code = '', attempts, replays] = REASON.exec(text) ?? [];
  if (!isCode(code)) return deadLetterHeaders(reason('exhausted', text, at, 0));
  const headers = deadLetterHeaders(reason(code, message, at, Number(attempts)));
  return replays === undefined ? headers : { ...headers, [REPLAYS]: replays };
}

/** The failures before the last one, a line each. */
export function historyText(headers: Headers): string {
  return readDeadLetterReason(headers)
    .history.map(({ attempt, at, error }) => `${at} attempt ${attempt}: ${error}`)
    .join('\n');
}

function reason(code: DeadLetterCode, message: string, at: string | undefined, attempts: number) {
  return { code, message, at: at ?? '', attempts, history: [] };
}

function isCode(code: string): code is DeadLetterCode {
  return DEAD_LETTER_CODES.some((known) => known === code);
}
