import { Redis } from 'ioredis';
import { deadLetterHeaders } from '../../../src/message/dead-letter.ts';
import type { Transport } from '../../../src/transport/transport.ts';
import { acknowledgingEarly, acknowledgingTwice, losingRetries } from '../../support/broken.ts';

/** Ways in which a driver breaks the promise, and none of which it says. */
export const BREAKAGES = [
  'drops',
  'acknowledges early',
  'acknowledges twice',
  'loses retries',
  'dead-letters untried',
  'trims what is pending',
] as const;
export type Breakage = (typeof BREAKAGES)[number];

/** The real driver, broken: the judge has to find out. */
export function breakDriver(real: Transport, breakage: Breakage, url: string): Transport {
  switch (breakage) {
    case 'drops':
      return { ...real, send: droppingOneInTen(real) };
    case 'acknowledges early':
      return acknowledgingEarly(real);
    case 'acknowledges twice':
      return acknowledgingTwice(real);
    case 'loses retries':
      return losingRetries(real);
    case 'dead-letters untried':
      return { ...real, receive: deadLetteringTheFirst(real) };
    case 'trims what is pending':
      return trimming(real, url);
  }
}

function droppingOneInTen(real: Transport): Transport['send'] {
  let sent = 0;
  return async (topic, messages, signal) => {
    const kept = messages.filter(() => ++sent % 10 !== 0);
    const outcomes = kept.length === 0 ? [] : await real.send(topic, kept, signal);
    return messages.map((message) => outcomes[kept.indexOf(message)] ?? 'accepted');
  };
}

function deadLetteringTheFirst(real: Transport): Transport['receive'] {
  let done = false;
  return async (address, options) => {
    const [first, ...others] = await real.receive(address, options);
    if (first === undefined) return [];
    if (done) return [first, ...others];
    done = true;
    const at = new Date().toISOString();
    const reason = {
      code: 'exhausted',
      message: 'by a broken driver',
      at,
      attempts: 5,
      history: [],
    } as const;
    await real.settle(address, [
      { receipt: first.receipt, action: 'deadLetter', headers: deadLetterHeaders(reason) },
    ]);
    return others;
  };
}

/** As MAXLEN does on a stream that is work. */
function trimming(real: Transport, url: string): Transport {
  const admin = new Redis(url, { lazyConnect: true });
  return {
    ...real,
    async receive(address, options) {
      const received = await real.receive(address, options);
      for (const stream of await admin.keys('*:stream')) await admin.xtrim(stream, 'MAXLEN', 0);
      return received;
    },
    async close() {
      admin.disconnect();
      await real.close();
    },
  };
}
