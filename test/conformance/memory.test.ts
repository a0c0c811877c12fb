import { createMemoryTransport } from '../../src/transport/memory/memory.ts';
import { describeTransport } from './suite.ts';
import type { Carrier } from './world.ts';

const carrier: Carrier = {
  open: async (topology) => createMemoryTransport(topology),
  provisions: false,
  local: true,
  close: async () => {},
};

describeTransport('memory', async () => carrier);
describeTransport('memory, ordered,', async () => ({ ...carrier, ordered: true }));
