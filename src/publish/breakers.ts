import {
  type CircuitBreakerPolicy,
  CircuitState,
  ConsecutiveBreaker,
  circuitBreaker,
  handleWhen,
  isBrokenCircuitError,
} from 'cockatiel';
import { emit } from '../observe/events.ts';
import { asTransportError, TransportError } from '../transport/errors.ts';
import type { SendOutcome, Transport } from '../transport/transport.ts';
import type { BreakerOptions, BreakerState } from './with-breaker.ts';

/** A breaker for each topic: what refuses one, being full or gone, need not refuse the others. */
export interface Breakers {
  readonly send: Transport['send'];
  states(): BreakerState[];
}

const STATES: Readonly<Record<CircuitState, BreakerState['state']>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
};

export function createBreakers(
  transport: Transport,
  { failures = 5, openMs = 5_000 }: BreakerOptions,
): Breakers {
  const { name } = transport;
  const policies = new Map<string, CircuitBreakerPolicy>();

  function policyOf(topic: string): CircuitBreakerPolicy {
    const known = policies.get(topic);
    if (known !== undefined) return known;
    const policy = circuitBreaker(
      handleWhen((error) => asTransportError(error).retryable).orWhenResult(allFailed),
      { breaker: new ConsecutiveBreaker(failures), halfOpenAfter: openMs },
    );
    policy.onBreak(() => {
      const { code, message } = lastFailure(policy);
      emit({ event: 'breaker_opened', transport: name, topic, code, error: message });
    });
    policy.onHalfOpen(() => emit({ event: 'breaker_half_opened', transport: name, topic }));
    policy.onReset(() => emit({ event: 'breaker_closed', transport: name, topic }));
    policies.set(topic, policy);
    return policy;
  }

  return {
    async send(topic, messages, signal) {
      const policy = policyOf(topic);
      try {
        return await policy.execute(() => transport.send(topic, messages, signal), signal);
      } catch (error) {
        if (!isBrokenCircuitError(error)) throw error;
        const cause = lastFailure(policy);
        throw new TransportError(
          'Unavailable',
          `${name} is not asked to carry ${topic} now, after ${failures} failures in a row: ${cause.message}; it is tried again within ${openMs} ms`,
          { cause },
        );
      }
    },
    states: () => Array.from(policies, ([topic, { state }]) => ({ topic, state: STATES[state] })),
  };
}

/** Whether nothing of a send was accepted, and all of it might be later. */
function allFailed(outcomes: unknown): boolean {
  return Array.isArray(outcomes) && outcomes.length > 0 && outcomes.every(mayPass);
}

function mayPass(outcome: SendOutcome): boolean {
  return outcome !== 'accepted' && outcome.error.retryable;
}

/** What opened it: a rejection, or the first outcome of a send of which all failed. */
function lastFailure({ lastFailure }: CircuitBreakerPolicy): TransportError {
  if (lastFailure === undefined) return new TransportError('Unavailable', 'nobody knows why');
  if ('error' in lastFailure) return asTransportError(lastFailure.error);
  const [first] = Array.isArray(lastFailure.value) ? lastFailure.value : [];
  return asTransportError(first?.error);
}
