import { defineConfig, topic } from '../../../src/config/define-config.ts';
import { subscriptionNamed } from '../../../src/config/named.ts';
import { createDrain } from '../../../src/consume/drain.ts';
import type { Handler } from '../../../src/consume/handler.ts';
import { createSqsEventHandler } from '../../../src/consume/sqs-event.ts';
import { pause } from '../../../src/time/backoff.ts';
import { beginChild } from './child.ts';
import type { Answer, Invocation } from './invocation.ts';
import { Load, sumOf } from './load.ts';
import type { FunctionOptions } from './options.ts';

/** An environment of a function as Lambda runs it: invoked with one event after the other, until it is told to end, or dies. */
const { options, transport, reporter, onTold, tell, end } = await beginChild(
  (text): FunctionOptions => JSON.parse(text),
);
const { topology, host, workMs, retry, handlerTimeoutMs } = options;
const { prefix, ordered, leaseMs } = topology;
/** What becomes of the invocation under way. */
let death: Invocation['death'];
let begunHere = 0;

const handler: Handler<{ pad: string; poison?: 'throws' | 'kills' | undefined }> = async (
  { id, data: { pad, poison } },
  { attempt },
) => {
  const begun = reporter.report({ what: 'begun', id, attempt });
  begunHere++;
  if (death?.at === begunHere && (death.how === 'blocks' || death.how === 'exits')) {
    await begun;
    if (death.how === 'exits') process.exit(1);
    for (;;);
  }
  await pause(workMs);
  if (poison === 'throws') {
    await reporter.report({ what: 'failed', id, attempt });
    throw new Error('poison');
  }
  await reporter.report({ what: 'handled', id, attempt, sum: sumOf(pad) });
};

const subscription = {
  loadHandler: async () => ({ default: handler }),
  retry,
  handlerTimeoutMs,
  lambda: { entry: 'unused' },
};
const config = defineConfig({ prefix, topics: [topic(Load, { work: subscription }, { ordered })] });
const named = subscriptionNamed(config, Load.name);
// Shorter than what the config comes to, which is rounded up to seconds.
const found = { ...named, subscription: { ...named.subscription, leaseMs } };
const invoke =
  host === 'sqs'
    ? createSqsEventHandler({ found, handler, openTransport: async () => transport })
    : createDrain({
        found,
        handler,
        // A drain's leases are as long as the carrier lets them be.
        openTransport: async () => ({ ...transport, limits: { ...transport.limits, leaseMs } }),
      });

async function answerTo({ event, timeoutMs }: Invocation): Promise<Answer> {
  const endsAt = performance.now() + timeoutMs;
  const context = { getRemainingTimeInMillis: () => Math.max(0, endsAt - performance.now()) };
  try {
    return { result: await Reflect.apply(invoke, undefined, [event, context]) };
  } catch (error) {
    return { error: String(error) };
  }
}

onTold((message) => {
  if (message.do !== 'invoke') return;
  const { invocation } = message;
  death = invocation.death;
  begunHere = 0;
  void answerTo(invocation).then((answer) => {
    if (death?.how === 'unanswered' && begunHere > 0) process.kill(process.pid, 'SIGKILL');
    else tell({ answer });
  });
});
process.once('SIGTERM', () => void end());
tell({ ready: true });
