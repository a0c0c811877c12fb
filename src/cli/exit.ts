import { CommanderError } from 'commander';
import { InvalidConfig } from '../config/define-config.ts';
import { Postpone, Reject, RetryAfter } from '../consume/handler.ts';
import { InvalidMessage } from '../message/envelope.ts';
import { InvalidName } from '../message/names.ts';
import { InvalidDeployOptions } from '../model-ready/deploy/deploy.ts';
import { DeployFailed } from '../model-ready/deploy/deploy-request.ts';
import { ClaimLost } from '../model-ready/deploy/door.ts';
import { AnnounceFailed } from '../model-ready/judge/announce.ts';
import { InvalidEvaluation } from '../model-ready/judge/evaluation.ts';
import { InvalidMinImprovement } from '../model-ready/judge/parse-min-improvement.ts';
import { UnreadableDocument } from '../model-ready/judge/read-document.ts';
import { RegistryError } from '../model-ready/registry/registry.ts';
import { InvalidSecretSource } from '../secrets/secrets-of-arn.ts';
import { type ErrorCode, TransportError } from '../transport/errors.ts';
import { InvalidTransportUrl } from '../transport/schemes.ts';

/** What a script can tell apart. */
export const EXIT = {
  ok: 0,
  /** A fault of ours. */
  unexpected: 1,
  /** Something given is wrong: an argument, a file, a name, a URL, the config. */
  badInput: 2,
  /** The carrier, or a server asked for, cannot be reached; trying later may help. */
  unavailable: 3,
  /** What was asked for is not there. */
  notFound: 4,
  /** No credentials, or not the right. */
  denied: 5,
  /** A better or a newer version is deployed. */
  superseded: 6,
} as const;

/** Something the user gave is wrong; the message says what, and what to do. */
export class BadInput extends Error {
  override readonly name = 'BadInput';
}

/** What was asked for by name is not there. */
export class NotThere extends Error {
  override readonly name = 'NotThere';
}

/** A model was not deployed, because a better or a newer version is. */
export class Superseded extends Error {
  override readonly name = 'Superseded';
}

const BY_CODE: Readonly<Record<ErrorCode, number>> = {
  NotFound: EXIT.notFound,
  Unavailable: EXIT.unavailable,
  Throttled: EXIT.unavailable,
  TooLarge: EXIT.badInput,
  Denied: EXIT.denied,
  LeaseLost: EXIT.unexpected,
  Unsupported: EXIT.badInput,
  Invalid: EXIT.badInput,
  Closed: EXIT.unexpected,
};

const BAD_INPUT = [
  BadInput,
  InvalidConfig,
  InvalidName,
  InvalidTransportUrl,
  InvalidMessage,
  InvalidEvaluation,
  InvalidDeployOptions,
  InvalidMinImprovement,
  InvalidSecretSource,
  // A platform refuses what it was given for good.
  Reject,
  UnreadableDocument,
];

/** A platform, or another deployment, stands in the way for now. */
const LATER = [DeployFailed, ClaimLost, RetryAfter, Postpone];

/** The code a command that failed so ends with. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.badInput;
  if (error instanceof AnnounceFailed) return exitCodeOf(error.cause);
  if (error instanceof TransportError || error instanceof RegistryError) return BY_CODE[error.code];
  if (error instanceof NotThere) return EXIT.notFound;
  if (error instanceof Superseded) return EXIT.superseded;
  if (LATER.some((type) => error instanceof type)) return EXIT.unavailable;
  return BAD_INPUT.some((type) => error instanceof type) ? EXIT.badInput : EXIT.unexpected;
}
