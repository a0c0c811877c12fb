import { REPLAYED, readReplay } from '../message/replayed.ts';
import {
  InvalidSigningKey,
  type Key,
  SIGNATURE,
  type Signable,
  sign,
  signReplay,
} from '../message/signature.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import { createKeyring } from './keyring.ts';

type Headers = Readonly<Record<string, string>>;

export interface Signer {
  /** The message with its signature among its headers. Rejects with a TransportError when there is no key. */
  sign<Message extends Signable & { readonly headers: Headers }>(
    topic: string,
    message: Message,
  ): Message | Promise<Message>;
  /**
   * Signs what headers say of a replay, where the message itself is signed: else the replay would count for no more
   * than anybody could write. Rejects with a TransportError when there is no key.
   */
  signReplay(topic: string, id: string, headers: Headers): Promise<Headers>;
}

/** Signs with the newest key. */
export function createSigner(secrets: Secrets): Signer {
  const ring = createKeyring(secrets);

  return {
    sign(topic, message) {
      const signed = (keys: readonly Key[]) => ({
        ...message,
        headers: { ...message.headers, [SIGNATURE]: sign(newest(keys), topic, message) },
      });
      const keys = ring.current();
      return keys instanceof Promise ? keys.then(signed, unavailable) : signed(keys);
    },
    async signReplay(topic, id, headers) {
      const signature = headers[SIGNATURE];
      const replay = readReplay(headers);
      if (signature === undefined || replay === undefined) return headers;
      const key = newest(await Promise.resolve(ring.current()).catch(unavailable));
      const { text } = replay;
      return { ...headers, [REPLAYED]: `${text} ${signReplay(key, topic, id, text, signature)}` };
    },
  };
}

function newest([key]: readonly Key[]): Key {
  if (key !== undefined) return key;
  throw new TransportError('Invalid', 'there is no key to sign with: expected one at least');
}

function unavailable(error: unknown): never {
  throw error instanceof InvalidSigningKey
    ? new TransportError('Invalid', error.message, { cause: error })
    : asTransportError(error);
}
