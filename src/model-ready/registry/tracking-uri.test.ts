import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RegistryError } from './registry.ts';
import { parseTrackingUri } from './tracking-uri.ts';

test.each([
  ['http://127.0.0.1:5000', 'http://127.0.0.1:5000', '', ''],
  [' https://mlflow.example.com/ml/flow// \n', 'https://mlflow.example.com/ml/flow', '', ''],
  ['HTTPS://[::1]:5000/x', 'https://[::1]:5000/x', '', ''],
  ['http://ann:pass%20word%40@h', 'http://h', 'ann', 'pass word@'],
  // As Python reads them: what is no escape stays.
  ['http://ann:100%@h', 'http://h', 'ann', '100%'],
  ['http://ann:%zz%c3%a9%@h', 'http://h', 'ann', '%zzé%'],
  ['http://ann:%ff@h', 'http://h', 'ann', '\ufffd'],
  ['http://%:p@h', 'http://h', '%', 'p'],
])('%j is a server', (uri, url, username, password) => {
  expect(parseTrackingUri(uri)).toEqual({ kind: 'http', url, username, password });
});

test.each([
  [
    'arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/my-server',
    'https://eu-west-1.experiments.sagemaker.aws',
  ],
  [
    'arn:aws-us-gov:sagemaker:us-gov-west-1:123456789012:mlflow-tracking-server/s',
    'https://us-gov-west-1.experiments.sagemaker.aws',
  ],
  [
    'arn:aws:sagemaker:us-east-2:123456789012:mlflow-app/app-ABC123',
    'https://mlflow.sagemaker.us-east-2.app.aws',
  ],
])('%s is a server of SageMaker', (arn, url) => {
  const [, , , region, , resource] = arn.split(/[:/]/);
  expect(parseTrackingUri(arn)).toEqual({ kind: 'sagemaker', url, arn, region, resource });
});

const SERVER = 'run "mlflow server" on it, and give the server\'s URL';
const URL_EXPECTED = 'expected the URL of an MLflow server, such as https://mlflow.example.com';
const DATABRICKS = `names Databricks or Unity Catalog, which are not offered: ${URL_EXPECTED}`;
const SCHEME = 'has no scheme: put http:// or https:// before it';

test.each([
  ['', `is empty: ${URL_EXPECTED}`],
  [' ', `is empty: ${URL_EXPECTED}`],
  ['databricks', DATABRICKS],
  ['databricks://profile', DATABRICKS],
  ['databricks-uc', DATABRICKS],
  ['databricks-uc://profile', DATABRICKS],
  ['uc:http://h', DATABRICKS],
  ['sqlite:///mlflow.db', `names a database, which is not read: ${SERVER}`],
  ['postgresql://u:hunter2@h/db', `names a database, which is not read: ${SERVER}`],
  ['mysql+pymysql://u:hunter2@h/db', `names a database, which is not read: ${SERVER}`],
  ['./mlruns', `names a folder, which is not read: ${SERVER}`],
  ['/var/mlruns', `names a folder, which is not read: ${SERVER}`],
  ['mlruns', `names a folder, which is not read: ${SERVER}`],
  ['C:\\mlruns', `names a folder, which is not read: ${SERVER}`],
  ['file:///mlruns', `names a folder, which is not read: ${SERVER}`],
  ['localhost:5000', SCHEME],
  ['mlflow.example.com/ml', SCHEME],
  ['10.0.0.1:5000', SCHEME],
  ['ftp://me:hunter2@h', `is not an http(s) URL: ${URL_EXPECTED}`],
  [
    'https://me:hunter2/@h:5000/',
    'is not a URL: in user and password write % as %25, / as %2F, @ as %40, : as %3A',
  ],
  [
    'http://me:1/hunter2@h',
    'has an @ in its path, a query or a fragment: in user and password write / as %2F, ? as %3F, # as %23',
  ],
  [
    'http://me:1#hunter2@h',
    'has an @ in its path, a query or a fragment: in user and password write / as %2F, ? as %3F, # as %23',
  ],
  [
    'arn:aws:sagemaker:eu-west-1:123456789012:model-package/x',
    'is an ARN, but not of MLflow: expected arn:aws:sagemaker:REGION:ACCOUNT:mlflow-tracking-server/NAME or arn:aws:sagemaker:REGION:ACCOUNT:mlflow-app/ID',
  ],
  [
    'arn:aws-cn:sagemaker:cn-north-1:123456789012:mlflow-app/a',
    "is an ARN of the partition aws-cn, where MLflow's host is not known: expected aws or aws-us-gov",
  ],
])('%j is refused in one sentence that does not repeat it', (uri, why) => {
  const parse = () => parseTrackingUri(uri);
  expect(parse).toThrow(new RegistryError('Invalid', `the MLflow tracking URI ${why}`));
  expect(why).not.toContain('hunter2');
});

test('anything is read or refused, and no password is ever told', () => {
  const password = fc.string({ minLength: 6, unit: 'grapheme' }).map((text) => `hunter2${text}`);
  const uri = fc.oneof(
    fc.string({ unit: 'grapheme' }),
    fc.webUrl({ withQueryParameters: true, withFragments: true }),
    fc
      .tuple(fc.constantFrom('http', 'https', 'mysql', 'ftp', 'databricks', 'arn:aws:sagemaker'), password)
      .map(([scheme, text]) => `${scheme}://ann:${text}@host:5000/path`),
  );
  fc.assert(
    fc.property(uri, (one) => {
      try {
        const server = parseTrackingUri(one);
        expect(server.url).not.toContain('hunter2');
      } catch (error) {
        expect(error).toBeInstanceOf(RegistryError);
        expect(String(error)).not.toContain('hunter2');
      }
    }),
    { numRuns: 1_000 },
  );
});
