import type { Secrets } from '../secrets/secrets.ts';
import { secretsLater } from '../secrets/secrets-later.ts';

/**
 * The keys that messages are signed with and verified by, where the environment names any: in `HIKYAKU_SIGNING_KEY`
 * themselves, the newest first and separated by blanks; in `HIKYAKU_SIGNING_KEY_FILE` the file that holds them; or in
 * `HIKYAKU_SIGNING_KEY_ARN` the ARN of a secret in AWS Secrets Manager, whose previous version counts as well. A key is
 * any text of at least 32 characters. They are fetched, and what is wrong with them shows, when they are first needed:
 * then `publish` rejects with a TransportError, `Invalid` for a key that is too short, `Unavailable` where they cannot
 * be had, and consumers try again later.
 */
export function signingKeysFrom(environment: NodeJS.ProcessEnv): Secrets | undefined {
  return secretsLater(environment, SIGNING_KEY);
}

export const SIGNING_KEY = 'HIKYAKU_SIGNING_KEY';
