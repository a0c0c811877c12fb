import { afterEach, describe, expect, it, vi } from 'vitest';
import { startSecretsManager } from '../../test/support/secrets-manager.ts';
import { SecretUnavailable } from './secrets.ts';
import { secretsFrom } from './secrets-from.ts';
import { InvalidSecretSource } from './secrets-of-arn.ts';

afterEach(() => vi.unstubAllEnvs());

describe('secrets of the environment', () => {
  it.each([
    [{}, undefined],
    [{ KEY: '', KEY_ARN: '' }, undefined],
    [{ KEY: ' ' }, undefined],
    [{ KEY: 'one' }, ['one']],
    [{ KEY: 'new old' }, ['new', 'old']],
  ])('%j', async (environment, expected) => {
    const secrets = secretsFrom(environment, 'KEY');
    expect(await secrets?.current()).toEqual(expected);
    expect(await secrets?.renewed()).toBeUndefined();
  });

  it('are in one place only, of three', () => {
    expect(() => secretsFrom({ KEY: 'one', KEY_FILE: '/run/secrets/key' }, 'KEY')).toThrow(
      'KEY and KEY_FILE are set: set one of them',
    );
    const both = { KEY: 'one', KEY_ARN: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:s' };
    expect(() => secretsFrom(both, 'KEY')).toThrow(InvalidSecretSource);
  });

  it.each(['my-secret', 'arn:aws:ssm:eu-west-1:123456789012:parameter/s'])('%s is no ARN of one', (arn) => {
    expect(() => secretsFrom({ KEY_ARN: arn }, 'KEY')).toThrow('KEY_ARN is not an ARN of a secret');
  });
});

describe('secrets of Secrets Manager', () => {
  it('are the current one', async () => {
    const { arn, requests } = await startSecretsManager({ AWSCURRENT: 'one\n' });
    const secrets = secretsFrom({ KEY_ARN: arn }, 'KEY');
    expect(requests).toEqual([]);
    expect(await secrets?.current()).toEqual(['one']);
    expect(requests[0]?.headers.authorization).toContain('/eu-west-1/secretsmanager/');
  });

  it('are that and the one before it, once it was rotated', async () => {
    const { arn } = await startSecretsManager({ AWSCURRENT: 'new', AWSPREVIOUS: 'old new' });
    expect(await secretsFrom({ KEY_ARN: arn }, 'KEY')?.current()).toEqual(['new', 'old']);
  });

  it('that are not given out, or are empty, are named and not told', async () => {
    const { arn, state } = await startSecretsManager({ AWSCURRENT: '' });
    const secrets = secretsFrom({ KEY_ARN: arn }, 'KEY');
    await expect(secrets?.current()).rejects.toThrow(
      new SecretUnavailable('the secret of KEY_ARN holds no text'),
    );
    state.away = true;
    await expect(secrets?.current()).rejects.toThrow(
      new SecretUnavailable(`Secrets Manager does not give out ${arn}: AccessDeniedException`),
    );
  });
});
