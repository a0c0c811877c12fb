import type * as Crypto from 'node:crypto';

let loaded: typeof Crypto | undefined;

/** Loaded when first needed: it takes 4 ms, half of the time that a consumer takes to load. */
function crypto(): typeof Crypto {
  loaded ??= process.getBuiltinModule('node:crypto');
  return loaded;
}

/** When the last id was made, on the clock of the system in ms, and all of it but its last 32 bits. */
let madeAt = 0;
let head = '';
/** Those bits: at random for the first id of a millisecond, and one more for each after it. */
let count = 0;
const MOST = 2 ** 32 - 1;

/**
 * A new message id: a UUIDv7. Ids of a process sort in the order in which they were made, also when its clock is put back:
 * "Monotonic Random" of RFC 9562 §6.2. Besides, that takes a quarter of the time that all random bits anew take.
 */
export function newId(): string {
  const now = Date.now();
  if (now > madeAt || count === MOST) {
    madeAt = Math.max(now, madeAt + 1);
    const random = crypto().randomBytes(10);
    const time = madeAt.toString(16).padStart(12, '0');
    const version = 0x7000 | (random.readUInt16BE(0) & 0x0fff);
    const variant = 0x8000 | (random.readUInt16BE(2) & 0x3fff);
    head = `${time.slice(0, 8)}-${time.slice(8)}-${version.toString(16)}-${variant.toString(16)}-${random.toString('hex', 4, 6)}`;
    // Half of its values are left for those that come after it.
    count = random.readUInt32BE(6) >>> 1;
  } else {
    count++;
  }
  return head + byte(count >>> 24) + byte(count >>> 16) + byte(count >>> 8) + byte(count);
}

const BYTES = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'));

function byte(number: number): string {
  return BYTES[number & 0xff] ?? '';
}

/**
 * An id derived from what is said, so that the same thing said twice is one thing for whoever deduplicates:
 * a UUIDv8 (RFC 9562 §5.8) over SHA-256 of the length-prefixed parts. The order of the parts matters.
 */
export function deriveId(parts: readonly string[]): string {
  const hash = crypto().createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  const bytes = hash.digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
