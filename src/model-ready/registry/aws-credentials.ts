export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** There are none, or what gives them out does not answer. The message is one sentence. */
export class NoAwsCredentials extends Error {
  override readonly name = 'NoAwsCredentials';
}

/**
 * The credentials of the environment, as Lambda gives them to a function; without them those that the SDK finds: of a
 * profile, SSO, a container or an instance. Each call returns what is valid then.
 *
 * @returns a function that throws {@link NoAwsCredentials}.
 */
export function awsCredentials(
  region: string,
  environment: NodeJS.ProcessEnv = process.env,
): () => Promise<AwsCredentials> {
  let chain: Promise<() => Promise<AwsCredentials>> | undefined;
  return async () => {
    const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_PROFILE } = environment;
    if (AWS_ACCESS_KEY_ID && AWS_SECRET_ACCESS_KEY && !AWS_PROFILE) {
      return {
        accessKeyId: AWS_ACCESS_KEY_ID,
        secretAccessKey: AWS_SECRET_ACCESS_KEY,
        sessionToken: AWS_SESSION_TOKEN || undefined,
      };
    }
    chain ??= openChain(region);
    try {
      return await (await chain)();
    } catch (cause) {
      chain = undefined;
      throw new NoAwsCredentials(
        'there are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE',
        { cause },
      );
    }
  };
}

/** Not a literal, so that functions are bundled without the SDK: their environment has credentials. */
const SDK: string = '@aws-sdk/client-sqs';

/** Any client of the SDK has its chain; this one is installed. It keeps credentials until shortly before they expire. */
async function openChain(region: string): Promise<() => Promise<AwsCredentials>> {
  const { SQSClient }: typeof import('@aws-sdk/client-sqs') = await import(SDK);
  const { credentials } = new SQSClient({ region }).config;
  return () => credentials();
}
