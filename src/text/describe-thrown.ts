/**
 * A thrown value in one line: its type and message, and what lies under it.
 *
 * @param plain Without the type, as that of a mere `Error` always is.
 */
export function describeThrown(thrown: unknown, plain = false): string {
  if (!(thrown instanceof Error)) return asText(thrown);
  const cause = thrown.cause instanceof Error ? ` (${thrown.cause.message})` : '';
  const type = plain || thrown.name === 'Error' ? '' : `${thrown.name}: `;
  return `${type}${thrown.message}${cause}`;
}

/** Whatever was thrown, as text; some objects refuse to become one. */
function asText(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return 'a value that cannot be written';
  }
}
