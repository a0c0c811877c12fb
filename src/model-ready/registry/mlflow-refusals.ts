import { RegistryError } from './registry.ts';

/** An answer that is not what was asked for. */
export interface Refused {
  /** What was asked for, as a sentence names it. */
  readonly what: string;
  /** Where MLflow's API is. */
  readonly api: string;
  readonly status: number;
  readonly text: string;
  /** What to check when the credentials are not taken. */
  readonly hint: string;
}

/** What an answer other than 200 means. Its message is not repeated: it may hold what others wrote. */
export function refusal({ what, api, status, text, hint }: Refused): RegistryError {
  const error = readError(text);
  const at = `MLflow at ${api}`;
  if (status === 401 || status === 403) {
    return new RegistryError('Denied', `${at} refuses access to ${what} (${status}): ${hint}`);
  }
  if (error?.code === 'FEATURE_DISABLED') {
    return new RegistryError(
      'Invalid',
      `${at} does not offer what ${what} takes: are workspaces enabled there?`,
    );
  }
  if (status === 429 || status >= 500) {
    return new RegistryError('Unavailable', `${at} cannot answer for ${what} now (${status})`);
  }
  if (error !== undefined && isMissing(error)) {
    return new RegistryError('NotFound', `${at} has no ${what} (${status})`);
  }
  // What answers in front of it does not know whether it has that.
  if (status === 404 && error === undefined) {
    return new RegistryError('Unavailable', `no MLflow answered at ${api} when asked for ${what} (404)`);
  }
  const answer = error === undefined ? status : `${error.code} (${status})`;
  return new RegistryError('Invalid', `${at} answered ${answer} when asked for ${what}`);
}

/** A web page, from whatever is in front of MLflow: of a login, or of an error. It may be another answer later. */
export function webPage(what: string, api: string): RegistryError {
  return new RegistryError(
    'Unavailable',
    `${api} answered with a web page, not with JSON, when asked for ${what}: is a login in front of MLflow, or is this another server?`,
  );
}

/** A redirect that is not followed. Of where it leads only the origin is told: the rest may hold what nobody should see. */
export function redirected(what: string, api: string, status: number, to: URL | null): RegistryError {
  return new RegistryError(
    'Unavailable',
    `${api} sends on to ${to?.origin ?? 'nowhere'} (${status}) when asked for ${what}: is a login in front of MLflow? Give the URL where MLflow itself answers`,
  );
}

interface MlflowError {
  /** `RESOURCE_DOES_NOT_EXIST`, `INVALID_PARAMETER_VALUE`, … */
  readonly code: string;
  readonly message: string;
}

/** Undefined for what MLflow did not answer. */
function readError(text: string): MlflowError | undefined {
  try {
    const answer: unknown = JSON.parse(text);
    if (typeof answer !== 'object' || answer === null) return undefined;
    const code: unknown = Reflect.get(answer, 'error_code');
    const message: unknown = Reflect.get(answer, 'message');
    if (typeof code !== 'string' || !/^[A-Z][A-Z_]{0,63}$/.test(code)) return undefined;
    return { code, message: typeof message === 'string' ? message : '' };
  } catch {
    return undefined;
  }
}

/** An alias that a model does not have is answered as a wrong parameter is, and only the message tells them apart. */
function isMissing({ code, message }: MlflowError): boolean {
  return (
    code === 'RESOURCE_DOES_NOT_EXIST' ||
    (code === 'INVALID_PARAMETER_VALUE' && /^Registered model alias .+ not found\.?$/s.test(message))
  );
}
