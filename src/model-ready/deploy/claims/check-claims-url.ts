import { InvalidDeployOptions } from '../deploy.ts';

const OFFERED = /^(?:s3:\/\/.|rediss?(?:\+list)?:\/\/|file:\/\/\/.|memory:$)/;
/** Carriers that have a place for claims themselves. */
const HOLDS_CLAIMS = /^(?:rediss?(?:\+list)?|file|memory):/;

/**
 * Checks what can be seen at once of where claims are kept, so that a worker that cannot work does not start. The rest
 * shows with the first message, when the store is opened.
 *
 * @throws InvalidDeployOptions
 */
export function checkClaimsUrl(environment: NodeJS.ProcessEnv): void {
  const { DEPLOYED_URL: url, TRANSPORT_URL: carrier = '', AWS_LAMBDA_FUNCTION_NAME: inLambda } = environment;
  if (url) {
    if (OFFERED.test(url)) return;
    throw new InvalidDeployOptions(
      'DEPLOYED_URL is no place that is offered: expected s3://bucket/prefix, redis://host:6379, file:///var/deployed or memory:',
    );
  }
  if (!inLambda || HOLDS_CLAIMS.test(carrier)) return;
  throw new InvalidDeployOptions(
    'DEPLOYED_URL is not set: expected s3://bucket/prefix, because a function has no folder that stays',
  );
}
