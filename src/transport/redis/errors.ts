import { type ErrorCode, TransportError } from '../errors.ts';
import type { Node } from './server-options.ts';

interface Rule {
  readonly when: RegExp;
  readonly code: ErrorCode;
  /** What it means and what to do, after the server's own words. */
  readonly advice: string;
}

/** What servers, sockets and TLS say, first match first. */
const RULES: readonly Rule[] = [
  {
    when: /^WRONGPASS|invalid username-password|invalid password/i,
    code: 'Denied',
    advice: 'correct the user and password in TRANSPORT_URL',
  },
  { when: /^NOAUTH/, code: 'Denied', advice: 'put user and password into TRANSPORT_URL' },
  {
    when: /^NOPERM|can't run this command|can't access at least one of the keys|no permissions/i,
    code: 'Denied',
    advice: 'give the user the ACL of its role (docs/how-to/redis.md)',
  },
  {
    when: /self.signed certificate|unable to (?:verify|get)|certificate|ERR_TLS_CERT/i,
    code: 'Denied',
    advice: 'name the CA in NODE_EXTRA_CA_CERTS, and the host as its certificate does',
  },
  {
    when: /wrong version number|packet length too long|EPROTO|ERR_SSL/i,
    code: 'Invalid',
    advice: 'the port does not speak TLS: use redis:// instead of rediss://',
  },
  {
    when: /^OOM|command not allowed when used memory/,
    code: 'Throttled',
    advice: 'Redis is full: consume or purge what it holds, or raise maxmemory',
  },
  {
    when: /^WRONGTYPE/,
    code: 'Invalid',
    advice: 'another program uses a key of this prefix: delete the key, or set another prefix',
  },
  {
    when: /^READONLY/,
    code: 'Unavailable',
    advice: 'this is a replica: give the address of the primary, or of Sentinels',
  },
  {
    when: /^MISCONF/,
    code: 'Unavailable',
    advice: 'Redis cannot write to its disk: make room there',
  },
  {
    when: /^LOADING|^BUSY |max number of clients|^TRYAGAIN|^MASTERDOWN|^CLUSTERDOWN|^NOREPLICAS|^UNBLOCKED/,
    code: 'Unavailable',
    advice: '',
  },
  {
    when: /^MOVED|^ASK /,
    code: 'Unsupported',
    advice: 'this is a cluster of several shards: add ?cluster=true to TRANSPORT_URL',
  },
  {
    when: /SELECT is not allowed in cluster mode/,
    code: 'Invalid',
    advice: 'a cluster has database 0 only: leave the path out of TRANSPORT_URL',
  },
  {
    when: /unknown command|unknown subcommand|syntax error|wrong number of arguments|NOPROTO/i,
    code: 'Unsupported',
    advice: 'the server is too old: Redis 7.0 or Valkey 7.2 is needed',
  },
  {
    when: /DB index is out of range/,
    code: 'Invalid',
    advice: 'the path of TRANSPORT_URL names a database that it does not have',
  },
  { when: /^(?:ERR|NOSCRIPT|CROSSSLOT|UNKILLABLE) /, code: 'Invalid', advice: '' },
];

const REPEATED = /, with args beginning with.*/s;

/** Anything that a call to Redis throws. `place` names the server. */
export function transportError(error: unknown, place: string): TransportError {
  if (error instanceof TransportError) return error;
  // The client notes the command there: passwords and bodies, which must not reach a log. A server that does not know the
  // command repeats it too, also in the stack.
  if (error instanceof Error) {
    Reflect.deleteProperty(error, 'command');
    for (const part of ['message', 'stack'] as const) error[part] = error[part]?.replace(REPEATED, '') ?? '';
  }
  const text = textOf(error);
  const rule = RULES.find(({ when }) => when.test(text));
  if (rule === undefined) {
    return new TransportError('Unavailable', `${place} cannot be reached: ${text}`, { cause: error });
  }
  return new TransportError(rule.code, sentence(`${place} answered: ${text}`, rule.advice), { cause: error });
}

/** What a connection that cannot be made throws. Each side waits when only the other expects TLS. */
export function connectError(error: unknown, place: string, tls: boolean): TransportError {
  const text = textOf(error);
  const mismatch = tls ? /ETIMEDOUT/ : /ECONNRESET|EPIPE|closed/;
  if (!mismatch.test(text)) return transportError(error, place);
  const advice = tls
    ? 'if its port does not speak TLS, use redis://'
    : 'if its port expects TLS, use rediss://';
  const { message, cause } = transportError(error, place);
  return new TransportError('Unavailable', `${message}; ${advice}`, { cause });
}

/** The command was under way when its connection ended. */
export function isCut(error: unknown): boolean {
  return textOf(error) === 'Connection is closed.';
}

/** What a script answered about one message. */
export function scriptError(text: string, place: string): TransportError {
  return transportError(new Error(text), place);
}

/** A blocking read was ended, by what its key or its server has become; the next one finds out what that is. */
export function isUnblocked(error: unknown): boolean {
  return textOf(error).startsWith('UNBLOCKED');
}

/** The groups that make subscriptions are not there. */
export function isMissingGroup(error: unknown): boolean {
  return /^NOGROUP|no such key/i.test(textOf(error));
}

/** On a cluster, a script was given keys that are not on one node. */
export function isCrossSlot(error: unknown): boolean {
  return textOf(error).startsWith('CROSSSLOT');
}

export function isReadOnly(error: unknown): boolean {
  return textOf(error).startsWith('READONLY');
}

/**
 * Where a node of a cluster sends who asks it for what another one has: for good (`MOVED`; a replica to its primary, too),
 * or this once (`ASK`), while it is being moved. `from` is that node.
 */
export function redirected(error: unknown, kind: 'MOVED' | 'ASK', from: Node): Node | undefined {
  const [, said, host, port] = /^(MOVED|ASK) \d+ (.*):(\d+)$/.exec(textOf(error)) ?? [];
  if (said !== kind) return undefined;
  return { host: host || from.host, port: Number(port) };
}

export function closedError(): TransportError {
  return new TransportError('Closed', 'the redis transport was closed before the server answered');
}

function textOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // What Node throws when several addresses were tried has no message, only a code.
  const code: unknown = Reflect.get(error, 'code');
  const text = error.message || (typeof code === 'string' ? code : error.name);
  const plain = text.replace(/ script: [0-9a-f]{40}.*$/s, '').replace(/^ReplyError: /, '');
  return typeof code === 'string' && !plain.includes(code) ? `${plain} (${code})` : plain;
}

function sentence(said: string, advice: string): string {
  return advice === '' ? said : `${said.replace(/\.$/, '')}; ${advice}`;
}
