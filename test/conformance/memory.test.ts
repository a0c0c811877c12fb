import { createMemoryTransport } from '../../src/transport/memory/memory.ts';
import { describeTransport } from './suite.ts';

describeTransport('memory', async () => ({
  open: async (topology) => createMemoryTransport(topology),
  provisions: false,
  close: async () => {},
}));
