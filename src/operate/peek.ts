import { TransportError } from '../transport/errors.ts';
import { inPieces } from '../transport/in-pieces.ts';
import type { Address, Incoming, Transport } from '../transport/transport.ts';

const LEASE_MS = 10_000;

/**
 * Shows the next messages of a subscription and gives them back. Where the carrier cannot peek, it counts as
 * a delivery, and consumers do not see them for a moment. Rejects with a TransportError.
 */
export async function peek(transport: Transport, address: Address, max: number): Promise<Incoming[]> {
  const seen: Incoming[] = [];
  while (seen.length < max) {
    const wanted = Math.min(max - seen.length, transport.limits.receiveEntries);
    const page = await transport.receive(address, { max: wanted, waitMs: 0, leaseMs: LEASE_MS });
    if (page.length === 0) break;
    seen.push(...page);
  }
  for (const piece of inPieces(seen, transport.limits.settleEntries)) {
    const outcomes = await transport.settle(
      address,
      piece.map(({ receipt }) => ({ receipt, action: 'release' })),
    );
    const failed = outcomes.find((outcome) => outcome instanceof TransportError);
    if (failed !== undefined) throw failed;
  }
  return seen;
}
