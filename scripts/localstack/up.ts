import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { LOCALSTACK, localstackEnvironment } from './environment.ts';

/**
 * Brings up LocalStack and Valkey with Docker, and deploys all stacks to it with plain `cdk deploy`, which gets what
 * follows. Where `AWS_ENDPOINT_URL` is set, that is taken for a LocalStack that runs already.
 */
const ROOT = join(import.meta.dirname, '../..');
const COMPOSE = 'docker-compose.localstack.yml';
const given = process.env['AWS_ENDPOINT_URL'];
const environment = localstackEnvironment(given || LOCALSTACK);
const words = process.argv.slice(2);

if (!given) run('docker', ['compose', '--file', COMPOSE, 'up', '--wait']);
const cdk = (...more: string[]): void => run(process.execPath, ['node_modules/aws-cdk/bin/cdk', ...more]);
cdk('bootstrap', `aws://000000000000/${environment.AWS_REGION}`);
cdk('deploy', '--all', '--require-approval', 'never', '-c', 'stage=dev', ...words, ...valkey());

console.log('\nIt is deployed. For programs of this machine, and for npm run test:localstack:\n');
for (const name of [
  'AWS_ENDPOINT_URL',
  'AWS_ENDPOINT_URL_S3',
  'AWS_ACCESS_KEY_ID',
  'AWS_SECRET_ACCESS_KEY',
  'AWS_REGION',
]) {
  console.log(`export ${name}=${environment[name]}`);
}
if (!given) console.log('export HIKYAKU_TEST_HOST=host.docker.internal');
if (!given) console.log(`\nTo end it: docker compose --file ${COMPOSE} down`);

/** On Redis functions are given the Valkey of Docker, unless another is named. */
function valkey(): string[] {
  if (given || !words.includes('transport=redis')) return [];
  return words.some((word) => word.startsWith('redisUrl=')) ? [] : ['-c', 'redisUrl=redis://valkey:6379'];
}

function run(command: string, args: readonly string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: ROOT, env: environment, stdio: 'inherit' });
  if (status === 0) return;
  if (error) {
    console.error(
      `${command} cannot be run (${error.message}): without Docker, start LocalStack yourself and set AWS_ENDPOINT_URL`,
    );
  }
  process.exit(1);
}
