import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createFileTransport } from '../../src/transport/file/file.ts';
import type { FileOptions } from '../../src/transport/file/options.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { topologyOf } from './ping.ts';

/** A folder of its own for a test, removed when it ends. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-file-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** `ping/test` on files, and where its folders are. */
export async function fileTransport(options: Partial<FileOptions> = {}, ...subscriptions: string[]) {
  const root = options.root ?? temporaryFolder();
  const all = subscriptions.length > 0 ? subscriptions : ['test'];
  const open = (): Transport => {
    const topology = topologyOf('ping', ...all);
    const transport = createFileTransport(topology, { layout: 'nested', retentionMs: 0, ...options, root });
    onTestFinished(() => transport.close());
    return transport;
  };
  const transport = open();
  await transport.provision();
  const own = join(root, 'ping', all[0] ?? '');
  return { root, transport, open, own, folder: (name: string) => join(own, name) };
}
