import { createPublisher, type Publisher } from '../../publish/publisher.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import type { Transport } from '../../transport/transport.ts';
import { modelReadyToDeploy } from '../contract.ts';
import { type AnnounceReport, announce } from './announce.ts';
import type { GateOptions } from './gate.ts';
import { type Document, readEvaluations } from './inputs.ts';

export interface EmitOptions extends GateOptions {
  /** Who speaks: the envelope's `source`. */
  readonly source: string;
  /** Signs what is announced. */
  readonly signingKeys?: Secrets | undefined;
}

/** Reads what it is given, judges it, and announces what passes. */
export type Emit = (documents: readonly Document[]) => Promise<AnnounceReport>;

/**
 * Announces on a transport, which stays open between calls.
 *
 * @returns a function that throws InvalidEvaluation, RegistryError or AnnounceFailed.
 */
export function createEmit(transport: Transport, { source, signingKeys, minImprovement }: EmitOptions): Emit {
  const publisher: Publisher = createPublisher({ transport, source, signingKeys });
  return async (documents) => {
    const evaluations = await readEvaluations(documents);
    return announce((data) => publisher.publish(modelReadyToDeploy, data), evaluations, { minImprovement });
  };
}
