import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** The `TRANSPORT_URL` that leads to the queues of this region with this prefix. */
export function transportUrl(scope: Construct, prefix: string): string {
  return `sqs://${Stack.of(scope).region}?prefix=${prefix}`;
}
