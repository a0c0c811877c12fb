import type { Contract } from '../message/contract.ts';
import { type Envelope, type EnvelopeOptions, encode, validate, wrap } from '../message/envelope.ts';
import { SIGNATURE_BYTES } from '../message/signature.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { signLater } from '../signing/later.ts';
import { TransportError } from '../transport/errors.ts';
import { fits, type Limits, type Outgoing, sizeOf, type Transport } from '../transport/transport.ts';

/** What may be said about a message besides its data. Durations in ms. */
export interface PublishOptions extends EnvelopeOptions {
  /** Messages of one key are handled in order where the carrier is `ordered`. */
  readonly key?: string | undefined;
  /** Hides the message from everybody for so long. */
  readonly delayMs?: number | undefined;
}

const NO_HEADERS = Object.freeze({});

/** Checks data, lays it out for the carrier, and signs it. Throws InvalidMessage or TransportError (`TooLarge`, `Invalid`). */
export type Preparer = <Data>(
  contract: Contract<Data>,
  data: unknown,
  options: PublishOptions,
) => Outgoing | Promise<Outgoing>;

export interface PreparerOptions {
  readonly source?: string | undefined;
  readonly signingKeys?: Secrets | undefined;
}

export function createPreparer(
  { limits }: Pick<Transport, 'limits'>,
  { source, signingKeys }: PreparerOptions,
): Preparer {
  const sign = signLater(signingKeys);
  const bounds =
    sign === undefined ? limits : { ...limits, messageBytes: limits.messageBytes - SIGNATURE_BYTES };
  return (contract, data, options) => {
    const said = source === undefined ? options : { source, ...options };
    const made = prepare(contract, data, said, bounds);
    if (sign === undefined) return made;
    const { name } = contract;
    return made instanceof Promise ? made.then((message) => sign(name, message)) : sign(name, made);
  };
}

function prepare<Data>(
  contract: Contract<Data>,
  data: unknown,
  options: PublishOptions,
  limits: Limits,
): Outgoing | Promise<Outgoing> {
  checkTimes(options, contract.ttlMs, limits);
  const checked = validate(contract, data);
  return checked instanceof Promise
    ? checked.then((value) => outgoing(wrap(contract, value, options), options, limits))
    : outgoing(wrap(contract, checked, options), options, limits);
}

function outgoing(envelope: Envelope, { key, delayMs }: PublishOptions, limits: Limits): Outgoing {
  const plain: Outgoing = { id: envelope.id, body: encode(envelope), headers: NO_HEADERS };
  const message =
    key === undefined && delayMs === undefined
      ? plain
      : { ...plain, ...(key !== undefined && { key }), ...(delayMs !== undefined && { delayMs }) };
  if (!fits(message, limits.messageBytes)) {
    throw new TransportError(
      'TooLarge',
      `message ${envelope.id} of ${envelope.type} has ${sizeOf(message)} bytes: at most ${limits.messageBytes} fit; send a reference instead`,
    );
  }
  return message;
}

/** Longer than anybody waits, and short enough to be a date. */
const LONGEST_TTL = 100 * 365 * 86_400_000;

function checkTimes(
  options: PublishOptions,
  contractTtlMs: number | undefined,
  { publishDelayMs }: Limits,
): void {
  const { delayMs, ttlMs = contractTtlMs } = options;
  if (delayMs !== undefined && !(delayMs >= 0 && delayMs <= publishDelayMs)) {
    throw new TransportError('Invalid', `delayMs is ${delayMs}: expected 0 to ${publishDelayMs}`);
  }
  if (ttlMs === undefined) return;
  if (!(ttlMs >= 1 && ttlMs <= LONGEST_TTL)) {
    throw new TransportError('Invalid', `ttlMs is ${ttlMs}: expected 1 to ${LONGEST_TTL}, 100 years`);
  }
  if (delayMs !== undefined && delayMs >= ttlMs) {
    throw new TransportError(
      'Invalid',
      `delayMs is ${delayMs} and ttlMs ${ttlMs}: the message would expire before anybody could handle it`,
    );
  }
}
