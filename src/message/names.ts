/**
 * One narrow grammar for every name, so that no name can leave its place: not a folder (`..`, `/`), not a
 * Redis key (`:`, `{`), not a glob (`*`). Names also have to fit an SQS queue name once joined.
 */
const TOPIC = /^[a-z0-9][a-z0-9_-]{0,39}$/;
const SHORT = /^[a-z0-9][a-z0-9_-]{0,15}$/;

/** A name that does not follow the grammar. */
export class InvalidName extends Error {
  override readonly name = 'InvalidName';
}

/** Checks a topic's name: 1–40 of `a-z 0-9 _ -`, starting with a letter or digit. Throws {@link InvalidName}. */
export function topicName(name: string): string {
  return check('topic', name, TOPIC, 40);
}

/** Checks a subscription's name: 1–16 of `a-z 0-9 _ -`, starting with a letter or digit. Throws {@link InvalidName}. */
export function subscriptionName(name: string): string {
  return check('subscription', name, SHORT, 16);
}

/** Checks a prefix, which sets one installation apart from another; the same grammar as a subscription's name. */
export function prefixName(name: string): string {
  return check('prefix', name, SHORT, 16);
}

function check(what: string, name: string, grammar: RegExp, longest: number): string {
  if (grammar.test(name)) return name;
  throw new InvalidName(
    `${JSON.stringify(name)} is not a ${what} name: expected 1 to ${longest} characters of a-z, 0-9, "_" and "-", starting with a letter or a digit`,
  );
}
