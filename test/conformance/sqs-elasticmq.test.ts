import { afterAll, it } from 'vitest';
import { createSqsTransport } from '../../src/transport/sqs/sqs.ts';
import { type ElasticMq, fetchElasticMq, startElasticMq } from '../support/elasticmq.ts';
import { describeTransport } from './suite.ts';
import type { Carrier } from './world.ts';

const unavailable = await fetchElasticMq();

if (unavailable === undefined) {
  let server: Promise<ElasticMq> | undefined;
  const start = async (): Promise<Carrier> => {
    server ??= startElasticMq();
    const { options } = await server;
    return {
      open: async (topology) => createSqsTransport(topology, options),
      provisions: true,
      // Both kinds of queue are carried by one server.
      close: async () => {},
    };
  };
  afterAll(async () => (await server)?.stop());

  describeTransport('sqs on ElasticMQ', start);
  describeTransport('sqs on ElasticMQ, FIFO,', async () => ({ ...(await start()), ordered: true }));
} else {
  it('the sqs transport on ElasticMQ', ({ skip }) => skip(unavailable));
}
