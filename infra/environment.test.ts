import { describe, expect, it } from 'vitest';
import { DEPLOY, EMIT, EVALUATE, lambdaFunctions, SWEEP } from './bundles/functions.ts';
import { readEnvironments } from './environment.ts';
import { InvalidContext } from './invalid-context.ts';
import { wholeConfig } from './test-config.ts';

const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:signing-AbCdEf';
const MLFLOW_ARN = 'arn:aws:sagemaker:eu-west-1:123456789012:mlflow-tracking-server/models';
const read = (context: Readonly<Record<string, unknown>>) => readEnvironments((key) => context[key]);

describe("the functions' environments", () => {
  it('are for functions that there are', () => {
    const names = lambdaFunctions(wholeConfig, 'sqs').map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(Object.keys(read({}))));
  });

  it('are empty where nothing is given', () => {
    expect(read({})).toEqual({ [DEPLOY]: {}, [EMIT.name]: {}, [EVALUATE]: {}, [SWEEP.name]: {} });
  });

  it('name the platform, and the secret without what it holds', () => {
    const { [DEPLOY]: deploy } = read({ deployUrl: 'https://example.com/deploy', deploySecret: SECRET });
    expect(deploy).toEqual({ DEPLOY_URL: 'https://example.com/deploy', DEPLOY_SECRET_ARN: SECRET });
  });

  it('tell emit where MLflow is and what improvement counts', () => {
    const { [EMIT.name]: emit } = read({ mlflowTrackingUri: 'https://mlflow', minImprovement: '1%' });
    expect(emit).toEqual({ MLFLOW_TRACKING_URI: 'https://mlflow', MIN_IMPROVEMENT: '1%' });
  });

  it.each([
    [{ mlflowTrackingUri: MLFLOW_ARN }, { MLFLOW_TRACKING_URI: MLFLOW_ARN }],
    [
      { mlflowTrackingUri: 'https://mlflow', mlflowTokenSecret: SECRET },
      { MLFLOW_TRACKING_URI: 'https://mlflow', MLFLOW_TRACKING_TOKEN_ARN: SECRET },
    ],
  ])('tell those that judge and deploy how to ask MLflow: %j', (context, variables) => {
    expect(read(context)).toEqual({
      [DEPLOY]: variables,
      [EMIT.name]: variables,
      [EVALUATE]: variables,
      [SWEEP.name]: variables,
    });
  });

  it('have verdicts written back where there is an MLflow to write to', () => {
    const context = { mlflowTrackingUri: 'https://mlflow', mlflowWriteBack: 'true' };
    const { [EVALUATE]: judge, [SWEEP.name]: sweep } = read(context);
    expect(judge).toMatchObject({ MLFLOW_WRITE_BACK: 'true' });
    expect(sweep).not.toHaveProperty('MLFLOW_WRITE_BACK');
    expect(read({ ...context, mlflowWriteBack: 'false' })[EVALUATE]).not.toHaveProperty('MLFLOW_WRITE_BACK');
    for (const wrong of [{ mlflowWriteBack: 'true' }, { ...context, mlflowWriteBack: 'yes' }]) {
      expect(() => read(wrong)).toThrow('expected true or false, and mlflowTrackingUri beside it');
    }
  });

  it.each([
    ['databricks', 'the MLflow tracking URI names Databricks or Unity Catalog, which are not offered'],
    ['localhost:5000', 'the MLflow tracking URI has no scheme: put http:// or https:// before it'],
    ['sqlite:///mlflow.db', 'the MLflow tracking URI names a database, which is not read'],
    [SECRET, 'the MLflow tracking URI is an ARN, but not of MLflow'],
  ])('refuse %s as MLflow, which every model would be asked of in vain', (mlflowTrackingUri, why) => {
    expect(() => read({ mlflowTrackingUri })).toThrow(InvalidContext);
    expect(() => read({ mlflowTrackingUri })).toThrow(why);
    expect(() => read({ mlflowTrackingUri })).toThrow(/ \(-c mlflowTrackingUri=…\)$/);
  });

  it.each([{}, { mlflowTrackingUri: MLFLOW_ARN }])('refuse a token for %j', (context) => {
    expect(() => read({ ...context, mlflowTokenSecret: SECRET })).toThrow(
      new InvalidContext(
        'mlflowTokenSecret goes with a URL as mlflowTrackingUri: MLflow on SageMaker is asked with AWS credentials',
      ),
    );
  });

  it('refuse a platform without a secret, and a secret without a platform', () => {
    expect(() => read({ deployUrl: 'https://example.com' })).toThrow(
      new InvalidContext('deployUrl and deploySecret go together: give both, or neither'),
    );
    expect(() => read({ deploySecret: SECRET })).toThrow(InvalidContext);
  });

  it.each([
    [
      '.01',
      '".01" is no minimum improvement: expected a number such as 0.01, or a share of the baseline such as 1%',
    ],
    [
      '1,5',
      '"1,5" is no minimum improvement: expected a number such as 0.01, or a share of the baseline such as 1%',
    ],
  ])('refuse %j, which no function would be loaded with', (minImprovement, why) => {
    expect(() => read({ minImprovement })).toThrow(new InvalidContext(`${why} (-c minImprovement=…)`));
  });

  it.each([
    ['http://platform/deploy', 'the deploy URL is http://platform: expected https, or http on this machine'],
    ['platform', 'the deploy URL is not a URL: expected https://…'],
    ['https://me:hunter2@platform', 'the deploy URL carries credentials: requests are signed instead'],
  ])('refuse a deployment to %s, which no function would be loaded with', (deployUrl, why) => {
    expect(() => read({ deployUrl, deploySecret: SECRET })).toThrow(
      new InvalidContext(`${why} (-c deployUrl=…)`),
    );
  });

  it('refuse what is no text', () => {
    expect(() => read({ minImprovement: 1 })).toThrow(
      'minImprovement is 1: expected a text, as in -c minImprovement=…',
    );
    expect(() => read({ deployUrl: '', deploySecret: SECRET })).toThrow(InvalidContext);
    expect(() => read({ deployUrl: 'https://example.com', deploySecret: 'signing' })).toThrow(
      'deploySecret is no ARN of a secret: expected the whole ARN',
    );
  });
});
