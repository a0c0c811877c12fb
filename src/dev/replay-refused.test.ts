import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { faulty } from '../../test/support/faulty.ts';
import { PING, Ping } from '../../test/support/ping.ts';
import { defineConfig, topic } from '../config/define-config.ts';
import { deadLetterHeaders } from '../message/dead-letter.ts';
import { listDeadLetters } from '../operate/dead-letters.ts';
import { createMemoryTransport } from '../transport/memory/memory.ts';
import type { Transport } from '../transport/transport.ts';
import { replayRefused } from './replay-refused.ts';

const config = defineConfig({
  topics: [
    topic(Ping, {
      test: { loadHandler: async () => ({ default: () => undefined }), lambda: { entry: 'x.ts' } },
    }),
  ],
});

let transport: Transport;
let stop: AbortController;
const onReplay = vi.fn();
beforeEach(() => {
  // Small pages, so that there are several.
  const memory = createMemoryTransport(config);
  transport = { ...memory, limits: { ...memory.limits, receiveEntries: 1, settleEntries: 1 } };
  stop = new AbortController();
  onReplay.mockClear();
});
afterEach(() => transport.close());

async function bury(letters: Readonly<Record<string, 'rejected' | 'exhausted'>>): Promise<void> {
  for (const [id, code] of Object.entries(letters)) {
    await transport.send('ping', [{ id, body: id, headers: {} }]);
    const [delivery] = await transport.receive(PING, { max: 1, waitMs: 0, leaseMs: 1_000 });
    const reason = { code, message: 'why', at: new Date().toISOString(), attempts: 1, history: [] };
    const receipt = delivery?.receipt ?? {};
    const headers = { ...delivery?.headers, ...deadLetterHeaders(reason) };
    await transport.settle(PING, [{ receipt, action: 'deadLetter', headers }]);
  }
}

const ready = async () =>
  (await transport.receive(PING, { max: 1, waitMs: 0, leaseMs: 1_000 })).map(({ id }) => id);
const replay = (refused: readonly string[], over = transport) =>
  replayRefused(over, config, { refused: new Set(refused), signal: stop.signal, onReplay });

describe('what the platform has refused', () => {
  it('is replayed, also when another process saw it refused; nothing else is', async () => {
    await bury({ theirs: 'rejected', refused: 'rejected', failed: 'exhausted' });
    await replay(['refused', 'failed']);
    expect(await ready()).toEqual(['refused']);
    expect(await ready()).toEqual([]);
    expect(onReplay).toHaveBeenCalledOnce();
  });

  it('is replayed once', async () => {
    await bury({ refused: 'rejected' });
    await replay(['refused']);
    const [again] = await transport.receive(PING, { max: 1, waitMs: 0, leaseMs: 1_000 });
    const reason = { code: 'rejected', message: 'why', at: '', attempts: 1, history: [] } as const;
    const headers = { ...again?.headers, ...deadLetterHeaders(reason) };
    await transport.settle(PING, [{ receipt: again?.receipt ?? {}, action: 'deadLetter', headers }]);
    expect(await listDeadLetters(transport, PING)).toMatchObject([{ id: 'refused', replays: 1 }]);
    await replay(['refused']);
    expect(onReplay).toHaveBeenCalledOnce();
    expect(await ready()).toEqual([]);
  });

  it('stays where it is from Ctrl-C on', async () => {
    await bury({ a: 'rejected', b: 'rejected', c: 'rejected' });
    const stopping = faulty(transport, {
      deadLetters: {
        ...transport.deadLetters,
        replay: (address, letters) => {
          stop.abort();
          return transport.deadLetters.replay(address, letters);
        },
      },
    });
    await replay(['a', 'b', 'c'], stopping);
    expect(await transport.depth(PING)).toMatchObject({ ready: 1, dead: 2 });
    await replay(['a', 'b', 'c']);
    expect(await transport.depth(PING)).toMatchObject({ ready: 1, dead: 2 });
    expect(onReplay).toHaveBeenCalledOnce();
  });
});
