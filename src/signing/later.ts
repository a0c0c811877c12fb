import type { Secrets } from '../secrets/secrets.ts';
import { openOnce } from '../transport/open-once.ts';
import type { Signer } from './signer.ts';
import type { VerifierOptions, Verify } from './verifier.ts';

/** A signer that is loaded with the first message: most programs have no keys. Undefined without any. */
export function signLater(keys: Secrets | undefined): Signer['sign'] | undefined {
  if (keys === undefined) return undefined;
  let signer: Signer | undefined;
  const load = openOnce(async () => {
    const { createSigner } = await import('./signer.ts');
    const loaded = createSigner(keys);
    // Not before those that wait for it have gone on: what comes later must not overtake them.
    setImmediate(() => {
      signer = loaded;
    });
    return loaded;
  });
  return (topic, message) =>
    signer === undefined ? load().then((loaded) => loaded.sign(topic, message)) : signer.sign(topic, message);
}

/** A verifier that is loaded with the first message. Undefined without keys. */
export function verifyLater({
  keys,
  ...options
}: Omit<VerifierOptions, 'keys'> & { readonly keys: Secrets | undefined }): Verify | undefined {
  if (keys === undefined) return undefined;
  let verify: Verify | undefined;
  return (message) =>
    verify === undefined
      ? import('./verifier.ts').then(({ createVerifier }) => {
          verify ??= createVerifier({ ...options, keys });
          return verify(message);
        })
      : verify(message);
}
