import { RegistryError } from './registry.ts';

/** A server that is asked over http(s). */
export interface HttpServer {
  readonly kind: 'http';
  /** Origin and path, without a slash at the end and without credentials. */
  readonly url: string;
  /** Empty where the URI has none. */
  readonly username: string;
  readonly password: string;
}

/** MLflow as SageMaker runs it: a tracking server or an app, behind an endpoint that its region shares. */
export interface SageMakerServer {
  readonly kind: 'sagemaker';
  readonly url: string;
  readonly arn: string;
  readonly resource: 'mlflow-tracking-server' | 'mlflow-app';
  readonly region: string;
}

const EXAMPLE = 'the URL of an MLflow server, such as https://mlflow.example.com';

/**
 * Reads a tracking URI as MLflow's clients do, of the kinds that are offered: http(s), and ARNs of SageMaker. No
 * error repeats the URI, which may hold a password.
 *
 * @throws RegistryError `Invalid`
 */
export function parseTrackingUri(given: string): HttpServer | SageMakerServer {
  const uri = given.trim();
  if (uri === '') throw refused(`is empty: expected ${EXAMPLE}`);
  if (uri.startsWith('arn:')) return parseArn(uri);
  if (/^https?:/i.test(uri)) return parseHttp(uri);
  const [, why] = NOT_OFFERED.find(([pattern]) => pattern.test(uri)) ?? [];
  throw refused(why ?? `is not an http(s) URL: expected ${EXAMPLE}`);
}

const NOT_OFFERED: readonly (readonly [RegExp, string])[] = [
  [
    /^(?:databricks(?:-uc)?$|databricks(?:-uc)?:|uc:)/i,
    `names Databricks or Unity Catalog, which are not offered: expected ${EXAMPLE}`,
  ],
  [
    /^(?:sqlite|postgres|mysql|mssql|oracle)\w*(?:\+\w+)?:/i,
    `names a database, which is not read: run "mlflow server" on it, and give the server's URL`,
  ],
  [
    /^(?:file:|[./~\\]|[a-z]:[\\/]|[\w-]+$)/i,
    `names a folder, which is not read: run "mlflow server" on it, and give the server's URL`,
  ],
  [/^[\w.-]+(?::\d+)?(?:\/|$)/, 'has no scheme: put http:// or https:// before it'],
];

function parseHttp(uri: string): HttpServer {
  const url = URL.parse(uri);
  if (url === null) {
    throw refused('is not a URL: in user and password write % as %25, / as %2F, @ as %40, : as %3A');
  }
  // What follows a slash, ? or # in a password is read as path, query or fragment, and would be told and sent on.
  if (url.search !== '' || url.hash !== '' || url.pathname.includes('@')) {
    throw refused(
      'has an @ in its path, a query or a fragment: in user and password write / as %2F, ? as %3F, # as %23',
    );
  }
  return {
    kind: 'http',
    url: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    username: unquote(url.username),
    password: unquote(url.password),
  };
}

/** Decodes as Python does: what is no escape stays as it is. */
function unquote(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
    Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'),
  );
}

const ARN =
  /^arn:(aws[a-z-]*):sagemaker:([a-z]+(?:-[a-z]+)+-\d+):\d{12}:(mlflow-tracking-server|mlflow-app)\/[A-Za-z0-9][A-Za-z0-9-]{0,255}$/;

/** The partitions whose hosts AWS' own client knows. */
const PARTITIONS = ['aws', 'aws-us-gov'];

function parseArn(arn: string): SageMakerServer {
  const [, partition, region, resource] = ARN.exec(arn) ?? [];
  if (partition === undefined || region === undefined) {
    throw refused(
      'is an ARN, but not of MLflow: expected arn:aws:sagemaker:REGION:ACCOUNT:mlflow-tracking-server/NAME or arn:aws:sagemaker:REGION:ACCOUNT:mlflow-app/ID',
    );
  }
  if (!PARTITIONS.includes(partition)) {
    throw refused(
      `is an ARN of the partition ${partition}, where MLflow's host is not known: expected aws or aws-us-gov`,
    );
  }
  return resource === 'mlflow-app'
    ? { kind: 'sagemaker', url: `https://mlflow.sagemaker.${region}.app.aws`, arn, resource, region }
    : {
        kind: 'sagemaker',
        url: `https://${region}.experiments.sagemaker.aws`,
        arn,
        resource: 'mlflow-tracking-server',
        region,
      };
}

function refused(why: string): RegistryError {
  return new RegistryError('Invalid', `the MLflow tracking URI ${why}`);
}
