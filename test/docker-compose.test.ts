import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { LOCALSTACK } from '../scripts/localstack/environment.ts';

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly networks?: Readonly<Record<string, { readonly name: string }>>;
  readonly volumes?: object;
}
interface Service {
  readonly image?: string;
  readonly command?: string;
  readonly ports?: readonly string[];
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly extends?: { readonly file: string; readonly service: string };
}

const read = (file: string): Compose => parse(readFileSync(file, 'utf8'));

/** The services of a file, with what they take over from others. */
function servicesOf(file: string): Record<string, Service> {
  return Object.fromEntries(
    Object.entries(read(file).services).map(([name, { extends: base, ...own }]) => {
      const inherited = base && read(base.file).services[base.service];
      if (base && !inherited) throw new Error(`${base.file} has no service ${base.service}`);
      return [name, { ...inherited, ...own }];
    }),
  );
}

describe.each(['docker-compose.localstack.yml', 'docker-compose.redis.yml'])('%s', (file) => {
  const { volumes = {} } = read(file);
  it.each(Object.entries(servicesOf(file)))(
    '%s is a fixed version, for this machine, and ready when it answers',
    (_, one) => {
      expect(one.image).toMatch(/^[a-z]+\/[a-z]+:\d+\.\d+/);
      for (const port of one.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
      expect(one.healthcheck?.test[0]).toBe('CMD');
      const named = (one.volumes ?? []).map((volume) => volume.split(':')[0] ?? '');
      for (const name of named.filter((from) => !from.startsWith('/'))) expect(volumes).toHaveProperty(name);
    },
  );
});

describe('docker-compose.localstack.yml', () => {
  const { localstack, valkey } = servicesOf('docker-compose.localstack.yml');

  it('is where it is looked for, and needs no account', () => {
    expect(localstack?.image).toBe('localstack/localstack:4.14.0');
    expect(localstack?.ports).toEqual([`127.0.0.1:${new URL(LOCALSTACK).port}:4566`]);
  });

  it('has what the stacks are made of', () => {
    const used = [
      'cloudformation',
      'cloudwatch',
      'events',
      'iam',
      'lambda',
      'logs',
      's3',
      'sns',
      'sqs',
      'ssm',
    ];
    expect(String(localstack?.environment?.['SERVICES']).split(',')).toEqual(expect.arrayContaining(used));
  });

  it('runs functions on the processor there is, where they find Valkey', () => {
    expect(localstack?.environment?.['LAMBDA_IGNORE_ARCHITECTURE']).toBe(1);
    const { networks } = read('docker-compose.localstack.yml');
    expect(localstack?.environment?.['LAMBDA_DOCKER_NETWORK']).toBe(networks?.['default']?.name);
    expect(valkey?.image).toBe(servicesOf('docker-compose.redis.yml')['valkey']?.image);
  });
});

it('docker-compose.redis.yml keeps what it has acknowledged', () => {
  const { valkey } = servicesOf('docker-compose.redis.yml');
  expect(valkey?.command).toMatch(/--appendonly yes .*--appendfsync always .*--maxmemory-policy noeviction/);
});
