import { createSqsTransport } from '../../src/transport/sqs/sqs.ts';
import { startTestFauxqs } from '../support/fauxqs.ts';
import { describeTransport } from './suite.ts';
import type { Carrier } from './world.ts';

async function start(): Promise<Carrier> {
  const { options, stop } = await startTestFauxqs();
  return {
    open: async (topology) => createSqsTransport(topology, options),
    provisions: true,
    // SQS itself takes all that XML 1.0 has.
    refuses: /[\u{10000}-\u{10FFFF}]/u,
    close: stop,
  };
}

describeTransport('sqs', start);
describeTransport('sqs, FIFO,', async () => ({ ...(await start()), ordered: true }));
