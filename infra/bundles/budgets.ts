import type { TransportName } from '../transport.ts';
import type { LambdaBundle } from './bundle.ts';
import { DRAIN_PREFIX, EMIT, EVALUATE, EVALUATE_WEBHOOK, SWEEP } from './functions.ts';
import { kibibytes } from './kibibytes.ts';

/** What a function may weigh. Sizes in bytes, minified. */
export interface Budget {
  /** What is loaded before the first message. */
  readonly startBytes?: number;
  /** Modules that must not be loaded at start: names, or scopes such as `@smithy/`. */
  readonly notAtStart?: readonly string[];
  readonly totalBytes?: number;
}

const KIB = 1024;
/** Of those that publish: they need the SDK with the first request. */
const EMIT_BUDGET: Budget = { totalBytes: 460 * KIB };
/** It needs its driver at once, so only the whole counts. */
const DRAIN_BUDGET: Budget = { totalBytes: 320 * KIB };
/**
 * A consumer starts without the SDK: Lambda deletes what succeeded, so only a failure needs it. Crypto and
 * files take Node as long to load as all the rest takes together.
 */
const CONSUMER_BUDGET: Budget = {
  startBytes: 56 * KIB,
  notAtStart: ['@aws-sdk/', '@smithy/', 'node:crypto', 'node:fs'],
};

const BUDGETS: Readonly<Record<string, Budget>> = {
  [EMIT.name]: EMIT_BUDGET,
  [EVALUATE_WEBHOOK.name]: EMIT_BUDGET,
  [SWEEP.name]: EMIT_BUDGET,
  [`${DRAIN_PREFIX}${EVALUATE}`]: { totalBytes: 350 * KIB },
};

/** Of a function, by its name and what carries its messages. */
export function budgetOf(name: string, transport: TransportName = 'sqs'): Budget {
  // On Redis it carries what a drain does: the driver, and what asks for secrets.
  if (transport === 'redis' && (name === EVALUATE_WEBHOOK.name || name === SWEEP.name)) return DRAIN_BUDGET;
  return BUDGETS[name] ?? (name.startsWith(DRAIN_PREFIX) ? DRAIN_BUDGET : CONSUMER_BUDGET);
}

/** A sentence for each budget that a bundle is over. */
export function overBudget({ name, start, total }: LambdaBundle, budget: Budget): string[] {
  const { startBytes = Infinity, totalBytes = Infinity, notAtStart = [] } = budget;
  const over: string[] = [];
  if (start.bytes > startBytes) {
    over.push(
      `${name} loads ${kibibytes(start.bytes)} at start, over its budget of ${kibibytes(startBytes)}: import lazily what the first message does not need.`,
    );
  }
  if (total.bytes > totalBytes) {
    over.push(
      `${name} has ${kibibytes(total.bytes)} in all, over its budget of ${kibibytes(totalBytes)}: see its .meta.json for what is large.`,
    );
  }
  const early = start.modules.filter((name) => notAtStart.some((not) => `${name}/`.startsWith(not)));
  if (early.length > 0) {
    over.push(`${name} loads ${early.join(', ')} at start: import it lazily.`);
  }
  return over;
}
