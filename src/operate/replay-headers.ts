import { replayHeaders } from '../message/dead-letter.ts';
import type { Secrets } from '../secrets/secrets.ts';
import { createSigner } from '../signing/signer.ts';
import type { Address, Headers } from '../transport/transport.ts';

/** What a message that is replayed carries. Rejects with a TransportError when there are keys, and none can be had. */
export type ReplayHeaders = (message: { readonly id: string; readonly headers: Headers }) => Promise<Headers>;

export function createReplayHeaders({ topic }: Address, keys: Secrets | undefined): ReplayHeaders {
  const signer = keys && createSigner(keys);
  return async ({ id, headers }) => {
    const replayed = replayHeaders(headers);
    return signer === undefined ? replayed : signer.signReplay(topic, id, replayed);
  };
}
