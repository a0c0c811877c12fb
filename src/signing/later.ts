import type { Secrets } from '../secrets/secrets.ts';
import { openOnce } from '../transport/open-once.ts';
import type { Signer } from './signer.ts';
import type { VerifierOptions, Verify } from './verifier.ts';

/** A signer that is loaded with the first message: most programs have no keys. Undefined without any. */
export function signLater(keys: Secrets | undefined): Signer['sign'] | undefined {
  if (keys === undefined) return undefined;
  let signer: Signer | undefined;
  const load = openOnce(async () => (await import('./signer.ts')).createSigner(keys));
  return (topic, message) => {
    if (signer !== undefined) return signer.sign(topic, message);
    return load().then(async (loaded) => {
      try {
        return await loaded.sign(topic, message);
      } finally {
        // Not before those that wait for it, or for the keys, have gone on: what comes later must not overtake them.
        setImmediate(() => {
          signer = loaded;
        });
      }
    });
  };
}

/** A verifier that is loaded with the first message. Undefined without keys. */
export function verifyLater({
  keys,
  ...options
}: Omit<VerifierOptions, 'keys'> & { readonly keys: Secrets | undefined }): Verify | undefined {
  if (keys === undefined) return undefined;
  let verify: Verify | undefined;
  const load = openOnce(async () => (await import('./verifier.ts')).createVerifier({ ...options, keys }));
  return (message) => {
    if (verify !== undefined) return verify(message);
    return load().then(async (loaded) => {
      try {
        return await loaded(message);
      } finally {
        // As above.
        setImmediate(() => {
          verify = loaded;
        });
      }
    });
  };
}
