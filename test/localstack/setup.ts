import type { TestProject } from 'vitest/node';
import { type LocalstackEnvironment, localstackEnvironment } from '../../scripts/localstack/environment.ts';
import { cdk } from './cdk.ts';

declare module 'vitest' {
  interface ProvidedContext {
    localstack: LocalstackEnvironment;
    /** The name by which functions reach this machine; empty where they run on it. */
    testHost: string;
  }
}

/** Finds LocalStack, whoever started it, and prepares it for the CDK. */
export default async function setup({ provide }: TestProject): Promise<void> {
  const endpoint = process.env['AWS_ENDPOINT_URL'];
  if (!endpoint) {
    throw new Error(
      'AWS_ENDPOINT_URL is not set: start LocalStack (npm run localstack), then AWS_ENDPOINT_URL=http://localhost:4566 npm run test:localstack',
    );
  }
  const health = new URL('/_localstack/health', endpoint);
  const answer = await fetch(health).catch((cause: unknown) => {
    throw new Error(`nothing answers at ${health}: start LocalStack (npm run localstack)`, { cause });
  });
  if (!answer.ok)
    throw new Error(`${health} answered ${answer.status}: AWS_ENDPOINT_URL has to lead to LocalStack`);
  const environment = localstackEnvironment(endpoint);
  provide('localstack', environment);
  provide('testHost', process.env['HIKYAKU_TEST_HOST'] ?? '');
  await cdk(['bootstrap', `aws://${ACCOUNT}/${environment.AWS_REGION}`], environment);
}

/** Whose key is not an account's number, is this one at LocalStack. */
const ACCOUNT = '000000000000';
