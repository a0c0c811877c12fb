import type * as Crypto from 'node:crypto';

let loaded: typeof Crypto | undefined;

/** Loaded when first needed: it takes 4 ms, half of the time that a consumer takes to load. */
function crypto(): typeof Crypto {
  loaded ??= process.getBuiltinModule('node:crypto');
  return loaded;
}

/** A new message id: a UUIDv7, so that ids sort by the time they were made. */
export function newId(): string {
  return crypto().randomUUIDv7();
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
