import type { Config } from '../config/define-config.ts';
import { loadConfig } from '../config/load.ts';
import { findRunning, stateFolder } from '../dev/run-state.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { secretsFrom } from '../secrets/secrets-from.ts';
import { SIGNING_KEY } from '../signing/signing-keys.ts';
import { transportUrl } from '../transport/schemes.ts';
import type { Transport } from '../transport/transport.ts';
import { openTransport } from '../transport/url.ts';
import { BadInput } from './exit.ts';

/** What a command works on. */
export interface Context {
  readonly config: Config;
  readonly transport: Transport;
  /** Those of the environment: what is published is signed, and what is handled verified. */
  readonly signingKeys: Secrets | undefined;
}

/**
 * Runs a command on the config of this folder and the carrier of `TRANSPORT_URL`, or of the system that
 * `npm start` runs here. Closes the carrier afterwards.
 */
export async function withTransport<T>(work: (context: Context) => Promise<T>): Promise<T> {
  const config = await loadConfig(process.cwd());
  const signingKeys = secretsFrom(process.env, SIGNING_KEY);
  const transport = await openTransport(await chooseUrl(), config);
  try {
    return await work({ config, transport, signingKeys });
  } finally {
    await transport.close();
  }
}

async function chooseUrl(): Promise<string> {
  if (process.env['TRANSPORT_URL']) return transportUrl();
  const running = await findRunning(stateFolder());
  if (running !== undefined) return running.transportUrl;
  throw new BadInput(
    'nothing runs here, and TRANSPORT_URL is not set: run "npm start" in another terminal, or set TRANSPORT_URL, for example to sqs://eu-west-1',
  );
}
