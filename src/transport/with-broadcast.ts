import { TransportError } from './errors.ts';
import { openOnce } from './open-once.ts';
import type { Broadcast, Transport } from './transport.ts';

/** What broadcasts beside a driver, on connections of its own. */
export interface OpenBroadcast extends Broadcast {
  close(): Promise<void>;
}

/** The transport, and that it broadcasts. What does so is opened by the first call that needs it, and closed with it. */
export function withBroadcast(transport: Transport, open: () => Promise<OpenBroadcast>): Transport {
  const opened = openOnce(open);
  let used: Promise<OpenBroadcast> | undefined;
  let closed = false;

  function ensureOpen(): void {
    if (closed) throw new TransportError('Closed', `the ${transport.name} transport is closed`);
  }

  async function use(): Promise<OpenBroadcast> {
    ensureOpen();
    used = opened();
    const broadcast = await used;
    // It may have been closed meanwhile.
    ensureOpen();
    return broadcast;
  }

  return {
    ...transport,
    capabilities: new Set([...transport.capabilities, 'broadcast']),
    broadcast: {
      notify: async (topic, notices) => (await use()).notify(topic, notices),
      listen: async (topic, told) => (await use()).listen(topic, told),
    },
    async close() {
      closed = true;
      // What could not be opened has nothing to close.
      const closing = used?.then(
        (broadcast) => broadcast.close(),
        () => undefined,
      );
      await Promise.all([transport.close(), closing]);
    },
  };
}
