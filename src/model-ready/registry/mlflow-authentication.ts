import { type Secrets, SecretUnavailable } from '../../secrets/secrets.ts';
import { InvalidSecretSource } from '../../secrets/secrets-of-arn.ts';
import type { UnsignedRequest } from './aws-signature.ts';
import { RegistryError } from './registry.ts';
import type { HttpServer, SageMakerServer } from './tracking-uri.ts';

/** Who asks MLflow. */
export interface Credentials {
  /** A bearer token; comes before user and password. */
  readonly token?: Secrets | undefined;
  readonly username?: string | undefined;
  readonly password?: Secrets | undefined;
}

/** Says to MLflow who asks. */
export interface Authentication {
  /** Headers of the request, with those that it has. Throws {@link RegistryError}. */
  headers(request: UnsignedRequest): Promise<Headers | Record<string, string>>;
  /** After a 401: fetches credentials again, and answers whether that makes another attempt worth it. */
  renewed(): Promise<boolean>;
  /** What to check when it is refused. */
  readonly hint: string;
}

/** A token, or user and password; those given come before those of the URI. */
export function httpAuthentication(
  server: HttpServer,
  { token, username, password }: Credentials,
): Authentication {
  const user = username || server.username;
  const secret = token ?? password;
  return {
    hint: 'check MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD',
    async headers({ headers }) {
      const authorization =
        token === undefined
          ? user && basic(user, password === undefined ? server.password : await newest(password))
          : `Bearer ${checkToken(await newest(token))}`;
      return { ...headers, ...(authorization && { authorization }) };
    },
    renewed: async () => (await known(async () => secret?.renewed())) !== undefined,
  };
}

/** SigV4, with the credentials of AWS. Loaded with the first request: most servers are not AWS' own. */
export function sagemakerAuthentication(server: SageMakerServer): Authentication {
  const open = async () => {
    const [{ awsCredentials }, { sagemakerHeaders }] = await Promise.all([
      import('./aws-credentials.ts'),
      import('./sagemaker-signature.ts'),
    ]);
    return { credentials: awsCredentials(server.region), sagemakerHeaders };
  };
  let opened: ReturnType<typeof open> | undefined;
  return {
    hint: `check that these AWS credentials may read ${server.arn} (${
      server.resource === 'mlflow-app' ? 'sagemaker:CallMlflowAppApi' : 'sagemaker-mlflow:GetRun and others'
    })`,
    async headers(request) {
      opened ??= open();
      const { credentials, sagemakerHeaders } = await opened;
      const found = await credentials().catch((cause: unknown) => {
        throw new RegistryError('Denied', cause instanceof Error ? cause.message : String(cause), { cause });
      });
      return sagemakerHeaders(server, request, found);
    },
    renewed: async () => false,
  };
}

/** What a header can hold, without blanks. A token that is none would look as a server that is away. */
function checkToken(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token.trim())) return token.trim();
  throw new RegistryError(
    'Invalid',
    'MLFLOW_TRACKING_TOKEN is not a bearer token: expected ASCII without blanks',
  );
}

function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

async function newest(secrets: Secrets): Promise<string> {
  const [first = ''] = await known(() => secrets.current());
  return first;
}

/** A secret that cannot be had is no reason to give up; one that cannot work is. */
async function known<Found>(ask: () => Promise<Found>): Promise<Found> {
  try {
    return await ask();
  } catch (cause) {
    if (cause instanceof SecretUnavailable) throw new RegistryError('Unavailable', cause.message, { cause });
    if (cause instanceof InvalidSecretSource) throw new RegistryError('Invalid', cause.message, { cause });
    throw cause;
  }
}
