import { ListQueuesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { expect, it } from 'vitest';
import { LOGGER, leaveOut, RETRY, USER_AGENT } from './leave-out.ts';

const names = (client: SQSClient) => client.middlewareStack.identify().map((name) => name.split(' ')[0]);

it('leaves out what the SDK still calls so, and nothing else', () => {
  const client = new SQSClient({ region: 'us-east-1' });
  const before = names(client);
  expect(before).toEqual(expect.arrayContaining([LOGGER, RETRY, USER_AGENT]));
  leaveOut(client);
  expect(new Set(names(client))).toEqual(new Set(before.filter((name) => name !== LOGGER)));
});

it('asks once, and says who asks', async () => {
  const asked: Record<string, string>[] = [];
  const client = new SQSClient({
    region: 'us-east-1',
    credentials: { accessKeyId: 'someone', secretAccessKey: 'secret' },
    requestHandler: {
      handle: async ({ headers }: { headers: Record<string, string> }) => {
        asked.push(headers);
        throw Object.assign(new Error('busy'), { name: 'ThrottlingException', $retryable: {} });
      },
    },
  });
  leaveOut(client);
  await expect(client.send(new ListQueuesCommand({}))).rejects.toThrow('busy');
  expect(asked).toMatchObject([{ 'user-agent': 'hikyaku' }]);
});
