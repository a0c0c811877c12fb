import { TransportError } from '../errors.ts';
import type { Line } from './connection.ts';

/** How long replicas have to confirm what was written, in ms. */
const CONFIRM_WITHIN = 2_000;

/**
 * Each command is followed by a wait until replicas have what it wrote: sent along with it, so it is no round trip of its own.
 * Once they had not, they are waited for before the next one too, which would only be stored once more; when they do not
 * even have that by then, the connection is given up, for they may follow another master.
 */
export function confirmedBy(replicas: number, line: Line): Line['ask'] {
  let behind = false;
  return async (send, key) => {
    let problem: TransportError | undefined;
    const answer = await line.ask((client) => {
      async function confirm(): Promise<void> {
        const have = Number(await client.call('WAIT', replicas, CONFIRM_WITHIN));
        behind = have < replicas;
        problem = behind
          ? new TransportError(
              'Unavailable',
              `${line.place} has what was sent, and ${have} of its replicas confirmed that within ${CONFIRM_WITHIN} ms: waitReplicas expects ${replicas}`,
            )
          : undefined;
      }
      return send({
        async call(command, ...args) {
          if (behind) {
            // Where it cannot be waited, the command is told why: this may be a replica by now.
            await confirm().catch(() => undefined);
            if (problem) throw problem;
          }
          return (await Promise.all([client.call(command, ...args), confirm()]))[0];
        },
      });
    }, key);
    if (problem) throw problem;
    return answer;
  };
}
