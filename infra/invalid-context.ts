/** A context value (`-c key=value`) that cannot be used: the message says what can. */
export class InvalidContext extends Error {
  override readonly name = 'InvalidContext';
}
