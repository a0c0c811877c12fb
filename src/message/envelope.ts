import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { Contract } from './contract.ts';
import { newId } from './id.ts';
import { parseJson, UnsafeJson, writeJson } from './json.ts';

/** What travels: a CloudEvents 1.0 event in structured JSON. */
export interface Envelope<Data = unknown> {
  readonly specversion: '1.0';
  /** Who this message is, for as long as it lives; a replay keeps it. */
  readonly id: string;
  /** Who said it: a URI reference, `hikyaku` unless the publisher names itself. */
  readonly source: string;
  /** The contract's name, which is also the topic. */
  readonly type: string;
  /** When it was said: RFC 3339, UTC. */
  readonly time: string;
  /** What it is about or for. */
  readonly subject?: string;
  readonly datacontenttype: 'application/json';
  /** Contract and version: `urn:hikyaku:<name>:<version>`. */
  readonly dataschema: string;
  /** Ties together what belongs to one flow of work. */
  readonly correlationid?: string;
  /** From when on it is not to be handled any more: RFC 3339. */
  readonly expirytime?: string;
  readonly data: Data;
}

/** One thing wrong with a message: where, and what was expected there. */
export interface Issue {
  /** A path of keys: `data.token_symbol`; empty for the whole. */
  readonly path: string;
  readonly message: string;
}

/**
 * Why what came is not to be handled. `signature`: nobody with a key has signed it so; `expired`: its time is over; all
 * others: it is no message of its contract.
 */
export const UNREADABLE_REASONS = [
  'signature',
  'expired',
  'malformed',
  'unsafe',
  'unknown-contract',
  'unknown-version',
  'invalid',
] as const;
export type UnreadableReason = (typeof UNREADABLE_REASONS)[number];

/** Of what is wrong so much goes into one sentence, which is logged and kept with the dead letter. */
const MOST_SAID = 10;
const LONGEST_PATH = 200;

/** A message that is none of its contract, or is not to be handled. Trying again does not help. */
export class InvalidMessage extends Error {
  override readonly name = 'InvalidMessage';
  readonly reason: UnreadableReason;
  readonly issues: readonly Issue[];
  constructor(reason: UnreadableReason, issues: readonly Issue[]) {
    const said = issues
      .slice(0, MOST_SAID)
      .map(({ path, message }) => (path ? `${path.slice(0, LONGEST_PATH)}: ${message}` : message));
    super(said.join('; ') + (issues.length > MOST_SAID ? '; …' : ''));
    this.reason = reason;
    this.issues = issues;
  }
}

/** What a publisher may say about a message besides its data. */
export interface EnvelopeOptions {
  /** Default: derived by the contract, else new. */
  readonly id?: string | undefined;
  readonly source?: string | undefined;
  readonly subject?: string | undefined;
  readonly correlationId?: string | undefined;
  /** How long it may be handled, in ms from now. Default: the contract's; else for ever. */
  readonly ttlMs?: number | undefined;
}

/** Wraps data that has been checked. */
export function wrap<Data>(contract: Contract<Data>, data: Data, options: EnvelopeOptions): Envelope<Data> {
  const { ttlMs = contract.ttlMs } = options;
  return {
    specversion: '1.0',
    // Empty is none.
    id: options.id || contract.identify?.(data) || newId(),
    source: options.source || 'hikyaku',
    type: contract.name,
    time: timestamp(),
    ...(options.subject !== undefined && { subject: options.subject }),
    datacontenttype: 'application/json',
    dataschema: contract.dataschema,
    ...(options.correlationId !== undefined && { correlationid: options.correlationId }),
    // By the clock that `time` has just been read from.
    ...(ttlMs !== undefined && { expirytime: new Date(stampedAt + ttlMs).toISOString() }),
    data,
  };
}

let stampedAt = 0;
let stamp = '';

/** Now, RFC 3339 in UTC: written once a millisecond, for all that is said in it. */
function timestamp(): string {
  const now = Date.now();
  if (now !== stampedAt) {
    stamp = new Date(now).toISOString();
    stampedAt = now;
  }
  return stamp;
}

/** The envelope's text, which is what every carrier carries. Throws {@link InvalidMessage}. */
export function encode(envelope: Envelope): string {
  try {
    return writeJson(envelope);
  } catch (error) {
    throw notJson(error, 'invalid');
  }
}

/** Reads a body as a message of the contract. Throws {@link InvalidMessage}, with where and what was expected. */
export function decode<Data>(
  contract: Contract<Data>,
  body: string,
): Envelope<Data> | Promise<Envelope<Data>> {
  const event = readEnvelope(body);
  if (event.type !== contract.name) {
    throw new InvalidMessage('unknown-contract', [
      { path: 'type', message: `expected ${contract.name}, found ${show(event.type)}` },
    ]);
  }
  if (event.dataschema !== contract.dataschema) {
    throw new InvalidMessage('unknown-version', [
      { path: 'dataschema', message: `expected ${contract.dataschema}, found ${show(event.dataschema)}` },
    ]);
  }
  const checked = contract.schema['~standard'].validate(event.data);
  return checked instanceof Promise
    ? checked.then((result) => withData(event, result))
    : withData(event, checked);
}

/** Checks data against its contract. Throws {@link InvalidMessage}, with where and what was expected. */
export function validate<Data>(contract: Contract<Data>, data: unknown): Data | Promise<Data> {
  const checked = contract.schema['~standard'].validate(data);
  return checked instanceof Promise ? checked.then(checkedData) : checkedData(checked);
}

/** Reads a body as an envelope of whatever contract: for those who look at messages without handling them. */
export function readEnvelope(body: string): Envelope {
  let event: unknown;
  try {
    event = parseJson(body);
  } catch (error) {
    throw notJson(error, 'malformed');
  }
  if (typeof event !== 'object' || event === null || Array.isArray(event)) {
    throw new InvalidMessage('malformed', [{ path: '', message: 'expected a CloudEvents object' }]);
  }
  if (isEnvelope(event)) return event;
  const wrong = [
    ...REQUIRED.filter((key) => !isText(Reflect.get(event, key))),
    ...OPTIONAL.filter((key) => !isTextOrNone(Reflect.get(event, key))),
  ];
  throw new InvalidMessage(
    'malformed',
    wrong.length > 0
      ? wrong.map((key) => ({ path: key, message: 'expected a text, as CloudEvents 1.0 asks' }))
      : [{ path: 'specversion', message: `expected 1.0, found ${show(Reflect.get(event, 'specversion'))}` }],
  );
}

const REQUIRED = ['specversion', 'id', 'source', 'type'] as const;
const OPTIONAL = ['time', 'subject', 'correlationid', 'dataschema', 'expirytime'] as const;

function isEnvelope(
  event: Partial<Record<string, unknown>>,
): event is Partial<Record<string, unknown>> & Envelope {
  return (
    event['specversion'] === '1.0' &&
    isText(event['id']) &&
    isText(event['source']) &&
    isText(event['type']) &&
    // One by one: a loop over OPTIONAL takes ten times as long, for each message.
    isTextOrNone(event['time']) &&
    isTextOrNone(event['subject']) &&
    isTextOrNone(event['correlationid']) &&
    isTextOrNone(event['dataschema']) &&
    isTextOrNone(event['expirytime'])
  );
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isTextOrNone(value: unknown): boolean {
  return value === undefined || typeof value === 'string';
}

function withData<Data>(event: Envelope, result: StandardSchemaV1.Result<Data>): Envelope<Data> {
  return { ...event, data: checkedData(result) };
}

function checkedData<Data>(result: StandardSchemaV1.Result<Data>): Data {
  if (result.issues === undefined) return result.value;
  throw new InvalidMessage(
    'invalid',
    result.issues.map((issue) => ({ path: pathOf(issue), message: issue.message })),
  );
}

function pathOf(issue: StandardSchemaV1.Issue): string {
  const keys = issue.path?.map((part) => String(typeof part === 'object' ? part.key : part)) ?? [];
  return ['data', ...keys].join('.');
}

function notJson(error: unknown, reason: 'malformed' | 'invalid'): InvalidMessage {
  if (error instanceof UnsafeJson) {
    return new InvalidMessage('unsafe', [{ path: error.path, message: error.message }]);
  }
  return new InvalidMessage(reason, [
    { path: '', message: error instanceof Error ? firstLine(error.message) : 'not JSON' },
  ]);
}

// V8 quotes the text around the mistake; bodies do not belong in logs.
function firstLine(message: string): string {
  return message
    .replace(/,? (?:\.\.\.)?"[\s\S]*"(?:\.\.\.)? is not valid JSON/, ': not valid JSON')
    .replace(/\n[\s\S]*/, '');
}

function show(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 120);
}
