const ARN = 'arn:aws:sagemaker:us-east-2:123456789012:model-package/churn/3';

/** What a registrant says of a package that beats its baseline. */
const BETTER = {
  'benchmark.metric': 'roc_auc',
  'baseline.value': '0.91',
  roc_auc: '0.94',
  token_symbol: 'churn-x',
};

/**
 * "SageMaker Model Package State Change" as EventBridge brings it: fields as AWS documents them, values invented.
 *
 * @param changes Of its `detail`; what is undefined is left out.
 */
export function modelPackageEvent(changes: Readonly<Record<string, unknown>> = {}, id = 'e-1') {
  const detail = {
    ModelPackageGroupName: 'churn',
    ModelPackageVersion: 3,
    ModelPackageArn: ARN,
    CreationTime: '2026-11-21T17:00:14.000Z',
    InferenceSpecification: {
      Containers: [
        {
          Image: '257758044811.dkr.ecr.us-east-2.amazonaws.com/sagemaker-xgboost:1.0-1-cpu-py3',
          ModelDataUrl: 's3://models/churn/3/model.tar.gz',
        },
      ],
      SupportedContentTypes: ['text/csv'],
      SupportedResponseMIMETypes: ['text/csv'],
    },
    ModelPackageStatus: 'Completed',
    ModelPackageStatusDetails: { ValidationStatuses: [], ImageScanStatuses: [] },
    CertifyForMarketplace: false,
    ModelApprovalStatus: 'Approved',
    ModelMetrics: {
      ModelQuality: {
        Statistics: { ContentType: 'application/json', S3Uri: 's3://models/churn/3/evaluation.json' },
      },
    },
    CustomerMetadataProperties: BETTER,
    LastModifiedTime: '2026-11-21T17:05:00.000Z',
    ...changes,
  };
  return {
    version: '0',
    id,
    'detail-type': 'SageMaker Model Package State Change',
    source: 'aws.sagemaker',
    account: '123456789012',
    time: '2026-11-21T17:05:00Z',
    region: 'us-east-2',
    resources: [ARN],
    detail: Object.fromEntries(Object.entries(detail).filter(([, value]) => value !== undefined)),
  };
}
