import type { Secrets } from '../secrets/secrets.ts';
import { openOnce } from '../transport/open-once.ts';
import type { Signer } from './signer.ts';
import type { VerifierOptions, Verify } from './verifier.ts';

/** A signer that is loaded with the first message: most programs have no keys. Undefined without any. */
export function signLater(keys: Secrets | undefined): Signer['sign'] | undefined {
  if (keys === undefined) return undefined;
  const by = loadedOnce(async () => (await import('./signer.ts')).createSigner(keys));
  return (topic, message) => by((signer) => signer.sign(topic, message));
}

/** A verifier that is loaded with the first message. Undefined without keys. */
export function verifyLater({
  keys,
  ...options
}: Omit<VerifierOptions, 'keys'> & { readonly keys: Secrets | undefined }): Verify | undefined {
  if (keys === undefined) return undefined;
  const by = loadedOnce(async () => (await import('./verifier.ts')).createVerifier({ ...options, keys }));
  return (message) => by((verify) => verify(message));
}

/** Works with what is loaded with the first call: at once from when those that came first have been answered. */
function loadedOnce<Loaded>(load: () => Promise<Loaded>) {
  let loaded: Loaded | undefined;
  const loading = openOnce(load);
  return <Answer>(work: (loaded: Loaded) => Answer | Promise<Answer>): Answer | Promise<Answer> => {
    if (loaded !== undefined) return work(loaded);
    return loading().then(async (made) => {
      try {
        return await work(made);
      } finally {
        // Not before those that wait for it, or for the keys, have gone on: what comes later must not overtake them.
        setImmediate(() => {
          loaded = made;
        });
      }
    });
  };
}
