import { closest } from '../src/text/closest.ts';

/** A context value (`-c key=value`) that cannot be used: the message says what can. */
export class InvalidContext extends Error {
  override readonly name = 'InvalidContext';
}

/** One of the choices, or undefined where none is given. Throws {@link InvalidContext} naming them. */
export function choose<Choice extends string>(
  key: string,
  value: unknown,
  choices: readonly Choice[],
): Choice | undefined {
  if (value === undefined) return undefined;
  const chosen = choices.find((one) => one === value);
  if (chosen !== undefined) return chosen;
  const near = typeof value === 'string' ? closest(value, choices) : '';
  throw new InvalidContext(
    `${JSON.stringify(value)} is not a ${key}${near}: expected ${choices.map((one) => `-c ${key}=${one}`).join(' or ')}`,
  );
}
