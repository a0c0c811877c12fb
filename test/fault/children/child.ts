import { observe } from '../../../src/observe/events.ts';
import type { Transport } from '../../../src/transport/transport.ts';
import { openTransport } from '../../../src/transport/url.ts';
import { createReporter, type Reporter } from '../ledger/reporter.ts';
import { breakDriver } from './break-driver.ts';
import { loadTopology } from './load.ts';
import type { ChildOptions, FromChild, ToChild } from './options.ts';
import { shiftClock } from './shift-clock.ts';

/** What a producer and a consumer begin with. */
export interface Child<Options extends ChildOptions> {
  readonly options: Options;
  readonly transport: Transport;
  readonly reporter: Reporter;
  readonly onTold: (told: (message: ToChild) => void) => void;
  readonly tell: (message: FromChild) => void;
  /** Closes what keeps the process; it has to end by itself then, or something was left behind. */
  readonly end: () => Promise<void>;
}

export async function beginChild<Options extends ChildOptions>(
  read: (text: string) => Options,
): Promise<Child<Options>> {
  const options = read(process.argv[2] ?? '');
  const { name, ledger, url, topology, breakage } = options;
  const real = await openTransport(url, loadTopology(topology));
  const transport = breakage === undefined ? real : breakDriver(real, breakage, url);
  const reporter = await createReporter(ledger, name);
  observe((event) => {
    if (event.event === 'carrier_unavailable') void reporter.report({ what: 'away', said: event.error });
    else if (event.event === 'carrier_back') void reporter.report({ what: 'back', said: '' });
  });
  // Whoever started it is gone: so is what it was for.
  const orphaned = (): never => process.exit(1);
  process.once('disconnect', orphaned);
  return {
    options,
    transport,
    reporter,
    onTold(told) {
      process.on('message', (message: ToChild) => {
        if (message.do === 'shiftClock') shiftClock(message.ms);
        else told(message);
      });
    },
    tell: (message) => void process.send?.(message),
    async end() {
      await transport.close();
      await reporter.close();
      process.off('disconnect', orphaned);
      process.disconnect();
    },
  };
}
