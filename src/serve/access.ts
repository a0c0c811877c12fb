import { createHash, timingSafeEqual } from 'node:crypto';
import type { Secrets } from '../secrets/secrets.ts';
import { isLoopback } from '../text/loopback.ts';
import { Refused } from './refusal.ts';

/** Lets a request through, or throws {@link Refused}. */
export type Access = (request: Request) => Promise<void>;

/**
 * Whoever has the token, as `Authorization: Bearer …`. Without a token only programs of this machine: the server listens
 * on loopback then, and what a browser could be made to send by a page of somebody else is refused.
 */
export function accessBy(token: Secrets | undefined): Access {
  return token === undefined ? async (request) => fromThisMachine(request) : byToken(token);
}

function byToken(token: Secrets): Access {
  return async ({ headers }) => {
    const [, given = ''] = /^Bearer +(\S+)$/i.exec(headers.get('authorization') ?? '') ?? [];
    const fits = (accepted: readonly string[] = []): boolean =>
      // All are compared, whichever fits: how long it takes says nothing.
      accepted.filter((one) => isEqual(one, given)).length > 0;
    if (given !== '' && (fits(await token.current()) || fits(await token.renewed()))) return;
    throw new Refused(401, 'expected Authorization: Bearer and the token of HIKYAKU_TOKEN_PUBLISH');
  };
}

function isEqual(one: string, other: string): boolean {
  const hash = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(one), hash(other));
}

/** A name that leads to this machine from outside has another Host; a page of another site has an Origin. */
function fromThisMachine({ headers }: Request): void {
  const origin = headers.get('origin');
  if (!isLoopback(headers.get('host') ?? '')) {
    throw new Refused(403, 'without HIKYAKU_TOKEN_PUBLISH only this machine may post: ask for 127.0.0.1');
  }
  if (origin !== null && !isLoopback(origin.replace(/^https?:\/\//, ''))) {
    throw new Refused(403, 'a page of another site may not post here');
  }
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(headers.get('content-type') ?? '')) {
    throw new Refused(415, 'expected Content-Type: application/json');
  }
}
