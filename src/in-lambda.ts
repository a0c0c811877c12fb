/** Whether this process is a Lambda function, whose stdout is its log. */
export function inLambda(): boolean {
  return process.env['AWS_LAMBDA_FUNCTION_NAME'] !== undefined;
}
