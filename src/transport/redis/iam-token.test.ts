import { describe, expect, it } from 'vitest';
import { openTransport } from '../url.ts';
import { type IamCache, iamToken } from './iam-token.ts';

const NOW = new Date('2026-11-21T12:34:56.789Z');
const ENVIRONMENT = {
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
  AWS_REGION: 'eu-west-1',
};

const TAIL = 'X-Amz-SignedHeaders=host&X-Amz-Signature=';
const MIDDLE =
  'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20261121%2Feu-west-1%2Felasticache%2Faws4_request&X-Amz-Date=20261121T123456Z&X-Amz-Expires=900';

/** In whatever order. */
const read = (token: string) => {
  const url = new URL(`http://${token}`);
  return { host: url.host, path: url.pathname, ...Object.fromEntries(url.searchParams) };
};

describe('a token for ElastiCache', () => {
  // The signatures are those of the AWS SDK's own signer, @smithy/signature-v4 5.7.
  it.each<[IamCache, string | undefined, string]>([
    [
      { kind: 'replicationgroup', name: 'messages-001' },
      undefined,
      `messages-001/?Action=connect&User=hikyaku-dev-consume&${MIDDLE}&${TAIL}1a802d58a94779e02948e80232cc5a48546c7893a14d8c7bf212ac59efcee203`,
    ],
    [
      { kind: 'replicationgroup', name: 'messages-001' },
      'session/token+with=',
      `messages-001/?Action=connect&User=hikyaku-dev-consume&${MIDDLE}&X-Amz-Security-Token=session%2Ftoken%2Bwith%3D&${TAIL}f495cde0784a394d6535f4113067d4821b7b6c98f3e268eb27f75ca2851dc99f`,
    ],
    [
      { kind: 'serverlesscache', name: 'messages' },
      'token',
      `messages/?Action=connect&ResourceType=ServerlessCache&User=hikyaku-dev-consume&${MIDDLE}&X-Amz-Security-Token=token&${TAIL}75ad78c6d765ebd26f351a9aa4e2477bce425708bc27f1e90a9d839e803a59be`,
    ],
  ])('is what the SDK would sign: %j', async (cache, session, expected) => {
    const environment = { ...ENVIRONMENT, ...(session && { AWS_SESSION_TOKEN: session }) };
    const token = await iamToken(cache, 'hikyaku-dev-consume', environment, NOW);
    expect(read(token)).toEqual(read(expected));
  });

  it('takes credentials', async () => {
    await expect(iamToken({ kind: 'serverlesscache', name: 'x' }, 'u', {})).rejects.toThrow(
      /^IAM takes AWS_REGION and credentials/,
    );
  });
});

it.each([
  ['rediss://u@h?iam=messages', 'iam is "messages": expected a cache of ElastiCache and its user'],
  ['rediss://h?iam=replicationgroup:m', 'expected a cache of ElastiCache and its user'],
  ['redis://u@h?iam=replicationgroup:m', 'iam is not an option of redis:'],
])('%s is refused', async (url, message) => {
  await expect(openTransport(url, { prefix: 'p', topics: [] })).rejects.toThrow(message);
});
