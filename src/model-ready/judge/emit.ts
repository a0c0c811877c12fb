import { createPublisher, type Publisher } from '../../publish/publisher.ts';
import type { Secrets } from '../../secrets/secrets.ts';
import type { Transport } from '../../transport/transport.ts';
import { modelReadyToDeploy } from '../contract.ts';
import { registryFromEnvironment } from '../registry/mlflow-rest.ts';
import { type AnnounceReport, announce } from './announce.ts';
import { type Document, type OnUnreadable, readEvidence } from './inputs.ts';
import type { JudgeSettings } from './settings.ts';
import { writeBackFrom } from './write-back.ts';

export interface EmitOptions extends JudgeSettings {
  /** Who speaks: the envelope's `source`. */
  readonly source: string;
  /** Signs what is announced. */
  readonly signingKeys?: Secrets | undefined;
  /** As of `readEvidence`. */
  readonly onUnreadable?: OnUnreadable;
}

/** Reads what it is given, judges it, and announces what passes. */
export type Emit = (documents: readonly Document[]) => Promise<AnnounceReport>;

/**
 * Announces on a transport, which stays open between calls.
 *
 * @returns a function that throws InvalidEvaluation, RegistryError or AnnounceFailed.
 */
export function createEmit(
  transport: Transport,
  { source, signingKeys, onUnreadable, ...settings }: EmitOptions,
): Emit {
  const publisher: Publisher = createPublisher({ transport, source, signingKeys });
  return async (documents) => {
    const evidence = await readEvidence(documents, settings, undefined, onUnreadable);
    const asks = documents.some(({ content }) => typeof content === 'string');
    const onVerdict = asks ? writeBackFrom(process.env, registryFromEnvironment) : undefined;
    return announce((data) => publisher.publish(modelReadyToDeploy, data), evidence, onVerdict);
  };
}
