import { observe } from './events.ts';

let logging = false;

/**
 * Writes every event of this process to stdout, one JSON object a line, with `time` and `level`. Events carry
 * metadata only: no bodies, no secrets. Calling it again changes nothing.
 */
export function logEvents(write: (line: string) => void = (line) => process.stdout.write(`${line}\n`)): void {
  if (logging) return;
  logging = true;
  observe((event) =>
    write(JSON.stringify({ time: new Date().toISOString(), level: levelOf(event.event), ...event })),
  );
}

const ERROR = /(?:_failed|_lettered|_unavailable|_unreadable|breaker_opened)$/;
const WARNING = /^(?:retried|expired|lease_lost|notices_dropped|notices_missed)$/;

function levelOf(event: string): string {
  return ERROR.test(event) ? 'error' : WARNING.test(event) ? 'warn' : 'info';
}
