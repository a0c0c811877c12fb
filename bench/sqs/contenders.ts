import type { Contender } from '../contenders.ts';

export const SQS: readonly Contender[] = [
  { name: 'hikyaku', module: 'sqs/drivers/hikyaku.ts' },
  { name: 'raw-sdk', module: 'sqs/drivers/raw-sdk.ts', wanted: 1 },
  {
    name: 'sqs-consumer-batch',
    module: 'peers/sqs/sqs-consumer-batch.ts',
    peer: 'sqs-consumer',
    wanted: 1.1,
  },
  { name: 'sqs-consumer-each', module: 'peers/sqs/sqs-consumer-each.ts', peer: 'sqs-consumer', wanted: 2.5 },
  {
    name: 'message-queue-toolkit',
    module: 'peers/sqs/message-queue-toolkit.ts',
    peer: '@message-queue-toolkit/sqs',
    wanted: 4,
  },
];
