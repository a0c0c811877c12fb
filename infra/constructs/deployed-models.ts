import { CfnElement, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import type { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { mayClaim } from '../permissions.ts';

export interface DeployedModelsProps {
  /**
   * The key that objects are encrypted with.
   *
   * @default S3 keeps the keys
   */
  readonly encryptionKey?: IKey;
}

/** Where it is kept what was deployed last of each model: a bucket with a small object for each. */
export class DeployedModels extends Construct {
  /** For `DEPLOYED_URL`. */
  readonly url: string;
  readonly #bucket: Bucket;

  constructor(scope: Construct, id: string, { encryptionKey }: DeployedModelsProps) {
    super(scope, id);
    const bucket = new Bucket(this, 'Bucket', {
      ...(encryptionKey
        ? { encryption: BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }
        : { encryption: BucketEncryption.S3_MANAGED }),
      enforceSSL: true,
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      // CloudFormation deletes no bucket that has objects, and would fail.
      removalPolicy: RemovalPolicy.RETAIN,
    });
    Validations.of(bucket).acknowledge({
      id: 'AwsSolutions::AwsSolutions-S1',
      reason:
        'One function reads and writes it, and logs each deployment: a log of accesses would say no more.',
    });
    this.#bucket = bucket;
    this.url = `s3://${bucket.bucketName}/${FOLDER}`;
  }

  /** Says for the checks of the app why whoever has these rights has them on all objects of the folder. */
  acknowledgeRights(holder: Construct): void {
    const { defaultChild } = this.#bucket.node;
    if (defaultChild === undefined || !CfnElement.isCfnElement(defaultChild)) return;
    const id = Stack.of(this).getLogicalId(defaultChild);
    Validations.of(holder).acknowledge({
      id: `AwsSolutions::AwsSolutions-IAM5[Resource::<${id}.Arn>/${FOLDER}/*]`,
      reason: 'There is an object for each model, and names of models are not known beforehand.',
    });
  }

  /** The rights to claim models there. */
  mayClaim(): PolicyStatement[] {
    return mayClaim(this.#bucket.bucketArn, FOLDER);
  }
}

const FOLDER = 'deployed';
