const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i;

/** Whether a host, with its port if it has one, is this machine's own. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}
