import { UNREADABLE_REASONS } from './envelope.ts';
import { REPLAYED } from './replayed.ts';

/**
 * Why a message was given up: `rejected`, its handler said that trying again cannot help; `exhausted`, its
 * last attempt failed; `undelivered`, the carrier gave up on it after too many deliveries without an answer;
 * `signature`, nobody who holds a key has signed it so; `expired`, its time
 * was over before it could be handled; the others, it cannot be read as a message of its contract.
 */
export const DEAD_LETTER_CODES = ['rejected', 'exhausted', 'undelivered', ...UNREADABLE_REASONS] as const;
export type DeadLetterCode = (typeof DEAD_LETTER_CODES)[number];

/** One failed handling. */
export interface Failure {
  readonly attempt: number;
  /** RFC 3339, UTC. */
  readonly at: string;
  readonly error: string;
}

/** What is known about a dead letter besides its bytes. */
export interface DeadLetterReason {
  readonly code: DeadLetterCode;
  /** One sentence for a person. */
  readonly message: string;
  /** When it was dead-lettered: RFC 3339, UTC. */
  readonly at: string;
  /** Attempts made, as far as the carrier counts; 0 when no handler ever saw it. */
  readonly attempts: number;
  /** Failures of the last life, as far as the process that gave up had seen them; the newest last. */
  readonly history: readonly Failure[];
}

const REASON = 'hikyaku-dead';
/** The header that counts replays. */
export const REPLAYS = 'hikyaku-replays';
// Drivers keep 16 KiB free for a dead letter's headers. A character of these texts takes at most 4 bytes
// there, being escaped twice: 4 × (1,000 + 8 × 300) and what is around them stay below.
const LONGEST_MESSAGE = 1_000;
const LONGEST_ERROR = 300;
const LONGEST_HISTORY = 8;

/** The headers to add to a message that is given up. */
export function deadLetterHeaders(reason: DeadLetterReason): Record<string, string> {
  const history = reason.history
    .slice(-LONGEST_HISTORY)
    .map((failure) => ({ ...failure, error: cut(failure.error, LONGEST_ERROR) }));
  return { [REASON]: JSON.stringify({ ...reason, message: cut(reason.message, LONGEST_MESSAGE), history }) };
}

/** Reads the reason back. One the carrier moved by itself has none, and is `undelivered`. */
export function readDeadLetterReason(headers: Readonly<Record<string, string>>): DeadLetterReason {
  const text = headers[REASON];
  if (text !== undefined) {
    const reason = parseReason(text);
    if (reason !== undefined) return reason;
  }
  return {
    code: 'undelivered',
    message: 'the carrier gave up on it: it was delivered too often without an answer',
    at: '',
    attempts: 0,
    history: [],
  };
}

/** The headers of a replayed message: those it was sent with, how often it has been replayed, and when it was last. */
export function replayHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const { [REASON]: _, ...kept } = headers;
  return { ...kept, [REPLAYS]: String(replaysOf(headers) + 1), [REPLAYED]: new Date().toISOString() };
}

/** How often the message has been replayed: from the dead-letter queue, or from history. */
export function replaysOf(headers: Readonly<Record<string, string>>): number {
  const count = Number(headers[REPLAYS]);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

function cut(text: string, longest: number): string {
  // Beyond U+FFFD a character is escaped, and takes 12 bytes.
  const plain = text
    .toWellFormed()
    .replace(/\p{Cc}/gu, ' ')
    .replace(/[\u{FFFE}-\u{10FFFF}]/gu, '\uFFFD');
  return plain.length > longest ? `${plain.slice(0, longest).toWellFormed()}…` : plain;
}

function parseReason(text: string): DeadLetterReason | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  return isReason(value) ? { ...value, history: value.history.filter(isFailure) } : undefined;
}

/** Others may have written it. */
function isFailure(value: unknown): value is Failure {
  return (
    typeof value === 'object' &&
    value !== null &&
    'attempt' in value &&
    typeof value.attempt === 'number' &&
    'at' in value &&
    typeof value.at === 'string' &&
    'error' in value &&
    typeof value.error === 'string'
  );
}

function isReason(value: unknown): value is DeadLetterReason & { readonly history: readonly unknown[] } {
  return (
    typeof value === 'object' &&
    value !== null &&
    'code' in value &&
    typeof value.code === 'string' &&
    'message' in value &&
    typeof value.message === 'string' &&
    'at' in value &&
    typeof value.at === 'string' &&
    'attempts' in value &&
    typeof value.attempts === 'number' &&
    'history' in value &&
    Array.isArray(value.history)
  );
}
