import { Postpone } from '../consume/handler.ts';
import { InvalidMessage, readEnvelope } from '../message/envelope.ts';
import { readReplay } from '../message/replayed.ts';
import { isReplaySigned, isSigned, type Key, readSignature, SIGNATURE } from '../message/signature.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { backoffDelay } from '../time/backoff.ts';
import type { Incoming } from '../transport/transport.ts';
import { createKeyring } from './keyring.ts';

/** What is looked at: a delivery, or as much of it as a notice has. */
export type Verifiable = Pick<Incoming, 'id' | 'body' | 'headers'> &
  Partial<Pick<Incoming, 'deliveries' | 'enqueuedAt'>>;

/**
 * Says of a message that a holder of the keys has signed it, and when it was replayed, in Unix ms, where that is
 * signed too. Throws, or rejects with, InvalidMessage (`signature`) for any other message, and Postpone where nobody
 * can know yet. A promise only where keys have to be asked for.
 */
export type Verify = (message: Verifiable) => Replayed | Promise<Replayed>;
type Replayed = number | undefined;

export interface VerifierOptions {
  readonly topic: string;
  readonly keys: Secrets;
  /** How old a message may be that was not replayed, in ms. */
  readonly maxAgeMs?: number | undefined;
}

/** While secrets cannot be had: each time is work for the carrier, so the pauses grow with how long it has waited. In ms. */
const AWAY = { baseMs: 10_000, maxMs: 15 * 60_000 };
/** So long secrets are not fetched anew, whatever does not fit. */
const AT_REST_MS = 60_000;
/** Never given up for waiting, however old it is. */
const FOR_EVER = { maxAgeMs: Number.POSITIVE_INFINITY };
/** The carrier's clock and ours may differ by so much. */
const CLOCKS_MS = 10_000;

export function createVerifier({ topic, keys: secrets, maxAgeMs }: VerifierOptions): Verify {
  const ring = createKeyring(secrets);

  function check(message: Verifiable, text: string, keys: readonly Key[]): Replayed | Promise<Replayed> {
    const signature = readSignature(text);
    if (signature === undefined) {
      throw refused('its signature cannot be read: expected v1.<key id>.<HMAC-SHA256 as base64url>');
    }
    const key = keys.find(({ id }) => id === signature.keyId);
    if (key === undefined) return renew(message, text, signature.keyId);
    if (!isSigned(key, signature, topic, message)) {
      throw refused(
        `its signature by key ${key.id} does not match: topic, id or body are not those that were signed`,
      );
    }
    const replayed = replayOf(message, text, keys);
    if (maxAgeMs !== undefined) checkAge(message.body, replayed, maxAgeMs);
    return replayed;
  }

  /** A key that was not there when they were last fetched. */
  async function renew(message: Verifiable, text: string, keyId: string): Promise<Replayed> {
    const renewed = await ring.renewed().catch((error: unknown) => later(message, error));
    if (renewed?.some(({ id }) => id === keyId)) return check(message, text, renewed);
    const fetchedAt = await secrets.fetchedAt?.();
    // It may have been signed with a key that is newer than those known, which may not be asked for yet.
    if (renewed === undefined && fetchedAt !== undefined && message.enqueuedAt !== undefined) {
      if (fetchedAt < message.enqueuedAt + CLOCKS_MS) {
        throw new Postpone(AT_REST_MS, `it is signed by key ${keyId}, which is not known yet`, FOR_EVER);
      }
    }
    throw refused(`it is signed by key ${keyId}, which is not known here`);
  }

  function replayOf({ id, headers }: Verifiable, signed: string, keys: readonly Key[]): Replayed {
    const replay = readReplay(headers);
    const signature = replay?.signature === undefined ? undefined : readSignature(replay.signature);
    if (replay === undefined || signature === undefined) return undefined;
    const key = keys.find(({ id }) => id === signature.keyId);
    const counts = key !== undefined && isReplaySigned(key, signature, topic, id, replay.text, signed);
    return counts ? replay.at : undefined;
  }

  return (message) => {
    const text = message.headers[SIGNATURE];
    if (text === undefined) throw refused(`it is not signed: expected the header "${SIGNATURE}"`);
    const keys = ring.current();
    return keys instanceof Promise
      ? keys.then(
          (known) => check(message, text, known),
          (error: unknown) => later(message, error),
        )
      : check(message, text, keys);
  };
}

function checkAge(body: string, replayed: Replayed, maxAgeMs: number): void {
  const { time } = readEnvelope(body);
  const said = replayed ?? Date.parse(time);
  if (Date.now() - said <= maxAgeMs) return;
  throw refused(
    `it says to be of ${String(time).slice(0, 40)}, and is taken for ${maxAgeMs} ms only: a replay has to be signed too`,
  );
}

/** Not the message's fault: it is as untried as before. */
function later({ enqueuedAt = Number.NaN }: Verifiable, error: unknown): never {
  const why = error instanceof Error ? error.message : String(error);
  const waitedMs = Date.now() - enqueuedAt;
  const baseMs = waitedMs > AWAY.baseMs ? waitedMs : AWAY.baseMs;
  throw new Postpone(backoffDelay({ ...AWAY, baseMs }, 1), `it cannot be verified now: ${why}`, FOR_EVER);
}

function refused(message: string): InvalidMessage {
  return new InvalidMessage('signature', [{ path: '', message }]);
}
