import type * as Crypto from 'node:crypto';

/** The header that a signature travels in: `v1.<key id>.<mac>`. */
export const SIGNATURE = 'signature';

/** Bytes that the header takes, by `sizeOf`, where it is the only one. */
export const SIGNATURE_BYTES = 79;

/** What messages are signed with, and verified by. */
export interface Key {
  /** Follows from the secret, so that nobody has to name keys: 16 characters of hex. */
  readonly id: string;
  readonly secret: Crypto.KeyObject;
}

/** A signing key cannot be used. The message does not say what it is. */
export class InvalidSigningKey extends Error {
  override readonly name = 'InvalidSigningKey';
}

/** What is signed of a message: which one it is, where it goes, and every byte of its body. */
export interface Signable {
  readonly id: string;
  readonly body: string;
}

/** A signature as it was found: who is said to have made it, and its 32 bytes. */
export interface FoundSignature {
  readonly keyId: string;
  readonly mac: Buffer;
}

const SHORTEST_KEY = 32;
// The last character holds four bits: others that mean the same are no second way to write it.
const FORMAT = /^v1\.([0-9a-f]{16})\.([A-Za-z0-9_-]{42}[AEIMQUYcgkosw048])$/;

// The first part of what is signed says what it is, so that neither can be taken for the other.
const MESSAGE = 'hikyaku message v1';
const REPLAY = 'hikyaku replay v1';

/** The key of a secret text. Throws {@link InvalidSigningKey} for one that is too short to be a secret. */
export function keyOf(text: string): Key {
  if (text.length < SHORTEST_KEY) {
    throw new InvalidSigningKey(
      `a signing key has ${text.length} characters: expected at least ${SHORTEST_KEY}, as "openssl rand -base64 32" makes them`,
    );
  }
  const { createHash, createSecretKey } = crypto();
  const id = createHash('sha256').update(`hikyaku key id ${text}`).digest('hex').slice(0, 16);
  return { id, secret: createSecretKey(text, 'utf8') };
}

/** The signature of a message that is sent on a topic. */
export function sign(key: Key, topic: string, { id, body }: Signable): string {
  return write(key, macOf(key, MESSAGE, [topic, id], body));
}

/** The signature of a replay: by whom, and when, this signed message was brought back. */
export function signReplay(key: Key, topic: string, id: string, at: string, signature: string): string {
  return write(key, macOf(key, REPLAY, [topic, id, at], signature));
}

/** Reads a signature; undefined where it is none of this version. */
export function readSignature(text: string): FoundSignature | undefined {
  const [, keyId, mac] = FORMAT.exec(text) ?? [];
  if (keyId === undefined || mac === undefined) return undefined;
  return { keyId, mac: Buffer.from(mac, 'base64url') };
}

/** Whether the holder of the key has signed this message for this topic. Takes as long whatever does not fit. */
export function isSigned(key: Key, { mac }: FoundSignature, topic: string, { id, body }: Signable): boolean {
  return isSame(mac, macOf(key, MESSAGE, [topic, id], body));
}

/** Whether the holder of the key has replayed the message of this signature then. */
export function isReplaySigned(
  key: Key,
  { mac }: FoundSignature,
  topic: string,
  id: string,
  at: string,
  signature: string,
): boolean {
  return isSame(mac, macOf(key, REPLAY, [topic, id, at], signature));
}

/** Every part has its length before it: no two lists of parts are the same bytes. */
function macOf(key: Key, what: string, parts: readonly string[], last: string): Buffer {
  let head = '';
  for (const part of [what, ...parts, key.id]) head += `${Buffer.byteLength(part)}:${part}`;
  head += `${Buffer.byteLength(last)}:`;
  return crypto().createHmac('sha256', key.secret).update(head).update(last).digest();
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && crypto().timingSafeEqual(one, other);
}

function write({ id }: Key, mac: Buffer): string {
  return `v1.${id}.${mac.toString('base64url')}`;
}

/** Not imported: it takes as long to load as all the rest of a function. */
function crypto(): typeof Crypto {
  return process.getBuiltinModule('node:crypto');
}
