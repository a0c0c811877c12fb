import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { createRandom } from '../random.ts';
import { createHostileQueues, SqsError } from './hostile-queues.ts';

/**
 * An SQS that does its worst, on two ports: one for those who are tried, and one for the judge, where all goes well.
 * `node hostile-process.ts <seed>` says both ports.
 */
const random = createRandom(Number(process.argv[2]));
const queues = createHostileQueues(random, () => 'http://sqs.invalid');
const TYPE = { 'content-type': 'application/x-amz-json-1.0' };

function reply(response: ServerResponse, status: number, body: object, kind: boolean): void {
  const fate = kind ? 100 : random.whole(1, 100);
  // It was done, and nobody is told: cut off, half an answer, an error, or nothing for a long time.
  if (fate <= 2) response.destroy();
  else if (fate <= 3) response.writeHead(status, TYPE).write('{"Mess', () => response.destroy());
  else if (fate <= 5)
    response.writeHead(503, { 'content-type': 'text/html' }).end('<h1>Service Unavailable</h1>');
  else if (fate > 6) response.writeHead(status, TYPE).end(JSON.stringify(body));
}

async function listen(kind: boolean): Promise<number> {
  const server = createServer(async (request, response) => {
    const action = String(request.headers['x-amz-target']).replace('AmazonSQS.', '');
    try {
      const input = JSON.parse(await text(request));
      reply(response, 200, await queues.call(action, input, kind), kind);
    } catch (error) {
      if (!(error instanceof SqsError)) return void response.destroy();
      reply(response, error.status, { __type: `com.amazonaws.sqs#${error.code}`, message: error.code }, kind);
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

process.send?.([await listen(false), await listen(true)]);
process.once('disconnect', () => process.exit());
