import { observe } from './events.ts';

let logging = false;

/** Whether this process is a Lambda function, whose stdout is its log. */
export function inLambda(): boolean {
  return process.env['AWS_LAMBDA_FUNCTION_NAME'] !== undefined;
}

/**
 * Writes every event of this process to stdout, one JSON object a line, with `time` and `level`. Events carry
 * metadata only: no bodies, no secrets. Calling it again changes nothing.
 */
export function logEvents(write: (line: string) => void = (line) => process.stdout.write(`${line}\n`)): void {
  if (logging) return;
  logging = true;
  observe((event) =>
    write(JSON.stringify({ time: new Date().toISOString(), level: LEVELS[event.event] ?? 'info', ...event })),
  );
}

const LEVELS: Readonly<Record<string, string>> = {
  publish_failed: 'error',
  retried: 'warn',
  dead_lettered: 'error',
  lease_lost: 'warn',
  settle_failed: 'error',
  carrier_unavailable: 'error',
};
