import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { PING, topologyOf } from '../../test/support/ping.ts';
import { openTransport } from '../transport/url.ts';
import { startEmulator } from './emulator.ts';

let dataDir: string;
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'hikyaku-emulator-'));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

async function open() {
  const emulator = await startEmulator({ dataDir });
  const transport = await openTransport(emulator.url, topologyOf('ping', 'test'));
  await transport.provision();
  return {
    transport,
    receive: () => transport.receive(PING, { max: 1, waitMs: 1_000, leaseMs: 60_000 }),
    close: async () => {
      await transport.close();
      await emulator.stop();
    },
  };
}

describe('the embedded SQS', () => {
  it('keeps what is released, now and over a restart', async () => {
    const first = await open();
    await first.transport.send('ping', [{ id: 'a', body: 'bytes', headers: { own: 'x' } }]);
    for (const deliveries of [1, 2]) {
      const [incoming] = await first.receive();
      expect(incoming).toMatchObject({ id: 'a', deliveries });
      if (incoming) await first.transport.settle(PING, [{ receipt: incoming.receipt, action: 'release' }]);
    }
    await first.close();
    const second = await open();
    expect(await second.receive()).toMatchObject([
      { id: 'a', body: 'bytes', headers: { own: 'x' }, deliveries: 3 },
    ]);
    await second.close();
  });

  it('answers this machine only', async () => {
    const emulator = await startEmulator();
    const port = Number(new URL(emulator.endpoint).port);
    const outside = Object.values(networkInterfaces())
      .flat()
      .find((one) => one?.family === 'IPv4' && !one.internal)?.address;
    const closed = vi.fn();
    if (outside !== undefined) {
      // From an address that is not loopback, to the same process.
      const socket = connect({ port, host: outside, localAddress: outside });
      socket.on('error', () => {});
      socket.on('close', closed);
      await vi.waitFor(() => expect(closed).toHaveBeenCalled());
    }
    expect((await fetch(`${emulator.endpoint}/health`)).ok).toBe(true);
    await emulator.stop();
  });
});
