import { type Key, keyOf } from '../message/signature.ts';
import type { Secrets } from '../secrets/secrets.ts';

/** The keys of secrets, at hand without a promise for each message. */
export interface Keyring {
  /** All that count now, the newest first; a promise where the secrets have to be asked. Rejects as they do. */
  current(): readonly Key[] | Promise<readonly Key[]>;
  /** Those of `Secrets.renewed`. */
  renewed(): Promise<readonly Key[] | undefined>;
}

/** For so long what the secrets have said is not asked for again, in ms. */
const AT_HAND_MS = 1_000;

/** @throws InvalidSigningKey from either method, for a key that is too short. */
export function createKeyring(secrets: Secrets): Keyring {
  let texts: readonly string[] | undefined;
  let keys: readonly Key[] = [];
  let freshUntil = -Infinity;
  let asking: Promise<readonly Key[]> | undefined;

  function take(said: readonly string[]): readonly Key[] {
    if (said !== texts) keys = said.map(keyOf);
    texts = said;
    return keys;
  }

  async function ask(): Promise<readonly Key[]> {
    let until = -Infinity;
    try {
      const taken = take(await secrets.current());
      until = performance.now() + AT_HAND_MS;
      return taken;
    } finally {
      // Not before those that wait for the answer have gone on: what comes later must not overtake them.
      setImmediate(() => {
        freshUntil = until;
        asking = undefined;
      });
    }
  }

  return {
    current() {
      if (performance.now() < freshUntil) return keys;
      asking ??= ask();
      return asking;
    },
    async renewed() {
      const said = await secrets.renewed();
      return said && take(said);
    },
  };
}
