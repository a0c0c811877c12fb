import { type ErrorCode, TransportError } from '../errors.ts';

interface Rule {
  readonly code: ErrorCode;
  /** What it means and what to do. */
  readonly advice: string;
}

/** By what the system calls it. */
const RULES: Readonly<Record<string, Rule>> = {
  ENOENT: { code: 'NotFound', advice: 'it is not there: create it with hikyaku provision' },
  ENOTDIR: {
    code: 'Invalid',
    advice: 'a part of the path is a file: name a folder in TRANSPORT_URL, or move the file away',
  },
  EACCES: { code: 'Denied', advice: 'give this user the right to read and write there' },
  EPERM: { code: 'Denied', advice: 'give this user the right to read and write there' },
  EROFS: { code: 'Denied', advice: 'the file system is mounted read-only: mount it for writing' },
  ENOSPC: { code: 'Throttled', advice: 'the disk is full: make room there' },
  EDQUOT: { code: 'Throttled', advice: "this user's quota is used up: make room there, or raise it" },
  EMFILE: { code: 'Throttled', advice: 'this process has too many files open: raise its limit (ulimit -n)' },
  ENFILE: { code: 'Throttled', advice: 'the system has too many files open: raise its limit' },
  EXDEV: {
    code: 'Invalid',
    advice: 'the folders of a subscription are on different file systems: keep them on one',
  },
  ELOOP: { code: 'Denied', advice: 'a symbolic link is not followed: replace it by what it leads to' },
  ENAMETOOLONG: { code: 'Invalid', advice: 'choose a shorter root' },
};

/** After `close`. */
export function closedError(): TransportError {
  return new TransportError('Closed', 'the file transport is closed');
}

/** Anything that a call to the file system throws. `path` says where. */
export function transportError(error: unknown, path: string): TransportError {
  if (error instanceof TransportError) return error;
  const code = codeOf(error);
  const rule = code === undefined ? undefined : RULES[code];
  if (rule === undefined) {
    const text = error instanceof Error ? error.message : String(error);
    return new TransportError('Unavailable', `${path} cannot be used: ${text}`, { cause: error });
  }
  return new TransportError(rule.code, `${path} answered ${code}: ${rule.advice}`, { cause: error });
}

/** What the system calls it: `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' ? code : undefined;
}

/** Undefined where something is not there; other errors are thrown. */
export async function ifThere<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** False where something is not there; other errors are thrown. */
export async function happened(done: Promise<void>): Promise<boolean> {
  return (await ifThere(done.then(() => true))) ?? false;
}
