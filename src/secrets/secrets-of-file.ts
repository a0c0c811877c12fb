import { fetchedSecrets, type Secrets, SecretUnavailable } from './secrets.ts';
import { words } from './secrets-of-arn.ts';

/**
 * The words of a file, the newest first, as containers mount their secrets: read when they are first needed, and again
 * as any secrets that may be rotated.
 *
 * @param variable Where the path stood, for errors.
 */
export function secretsOfFile(variable: string, path: string): Secrets {
  return fetchedSecrets(async () => {
    const { readFile } = await import('node:fs/promises');
    const text = await readFile(path, 'utf8').catch((cause: unknown) => {
      const why = cause instanceof Error && 'code' in cause ? cause.code : cause;
      throw new SecretUnavailable(`${variable} names ${path}, which cannot be read: ${why}`, { cause });
    });
    const found = words(text);
    if (found.length > 0) return found;
    throw new SecretUnavailable(`${variable} names ${path}, which holds no text`);
  });
}
