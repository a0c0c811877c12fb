import { TransportError } from '../../src/transport/errors.ts';
import type { Transport } from '../../src/transport/transport.ts';

/** A way to settle that refuses the first dead letter for good, and hands on all else. */
export function refusingOneDeadLetter(transport: () => Transport): Transport['settle'] {
  let refused = false;
  return (address, settlements) =>
    Promise.all(
      settlements.map(async (one) => {
        if (one.action === 'deadLetter' && !refused) {
          refused = true;
          return new TransportError('Denied', 'no right to');
        }
        const [outcome = 'unverified'] = await transport().settle(address, [one]);
        return outcome;
      }),
    );
}
