import type { Config } from '../../config/define-config.ts';
import { openOnce } from '../../transport/open-once.ts';
import { openClaims } from './claims/open-claims.ts';
import { createDoor, type Door, type DoorOptions } from './door.ts';

/** Twice what the handler has: whatever the clocks say, nobody takes over from one that is still at work. */
const LEASE_MS = 60_000;

/**
 * Opens the door that the environment asks for: with claims at `DEPLOYED_URL`, and with the champions of
 * `MLFLOW_TRACKING_URI` if that is set.
 *
 * @throws InvalidDeployOptions
 */
export async function openDoor(
  environment: NodeJS.ProcessEnv,
  { prefix, policies }: Pick<Config, 'prefix' | 'policies'>,
): Promise<Door> {
  const store = await openClaims(environment, prefix);
  return createDoor({ store, leaseMs: LEASE_MS, champion: championFrom(environment, policies) });
}

function championFrom(environment: NodeJS.ProcessEnv, policies: Config['policies']): DoorOptions['champion'] {
  if (!environment['MLFLOW_TRACKING_URI']?.trim()) return undefined;
  const open = openOnce(async () => {
    const [{ registryFromEnvironment }, { RegistryError }, { liveChampion }] = await Promise.all([
      import('../registry/mlflow-rest.ts'),
      import('../registry/registry.ts'),
      import('./live-champion.ts'),
    ]);
    return { registry: registryFromEnvironment(environment), RegistryError, liveChampion };
  });
  return async (announced) => {
    const { registry, liveChampion, RegistryError } = await open();
    return liveChampion(registry, policies, announced).catch((error: unknown) => {
      // Its cause says what was found, which does not belong into logs.
      throw error instanceof RegistryError ? new RegistryError(error.code, error.message) : error;
    });
  };
}
