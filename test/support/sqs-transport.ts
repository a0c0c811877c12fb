import { onTestFinished } from 'vitest';
import { createSqsTransport } from '../../src/transport/sqs/sqs.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { type SqsAnswer, type SqsRequest, type SqsServer, startSqsServer } from './sqs-server.ts';
import { TOPOLOGY } from './topology.ts';

/** The SQS driver and a server that answers as it is told; both end with the test. */
export async function givenSqsServer(
  answer: (request: SqsRequest) => SqsAnswer | undefined,
  topology = TOPOLOGY,
): Promise<{ readonly server: SqsServer; readonly transport: Transport }> {
  const server = await startSqsServer(answer);
  const transport = createSqsTransport(topology, { endpoint: server.endpoint, region: 'eu-west-1' });
  onTestFinished(async () => {
    await server.stop();
    await transport.close();
  });
  return { server, transport };
}
