import { openOnce } from '../transport/open-once.ts';
import type { Secrets } from './secrets.ts';

/**
 * The same as `secretsFrom`, where what reads them is loaded when they are first needed, and what is wrong with their
 * source shows then: for functions, which shall start without it.
 */
export function secretsLater(environment: NodeJS.ProcessEnv, name: string): Secrets | undefined {
  if (!['', '_FILE', '_ARN'].some((kind) => environment[name + kind]?.trim())) return undefined;
  const load = openOnce(async () => {
    const { secretsFrom } = await import('./secrets-from.ts');
    return secretsFrom(environment, name);
  });
  return {
    current: async () => (await load())?.current() ?? [],
    renewed: async () => (await load())?.renewed(),
    fetchedAt: async () => (await load())?.fetchedAt?.(),
  };
}
