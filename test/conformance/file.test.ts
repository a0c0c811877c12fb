import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { openTransport } from '../../src/transport/url.ts';
import { describeTransport } from './suite.ts';

for (const query of ['', '&retention=1h', '&layout=flat']) {
  describeTransport(`file${query}`, async () => {
    const root = mkdtempSync(join(tmpdir(), 'hikyaku-file-'));
    return {
      open: (topology) => openTransport(`${pathToFileURL(root)}?prefix=${topology.prefix}${query}`, topology),
      provisions: true,
      alone: query.includes('flat'),
      // At work beside the suites that still run: without a pause, removing all of it takes longer than their leases last.
      close: () => rm(root, { recursive: true, force: true }),
    };
  });
}
