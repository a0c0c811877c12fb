import { startTestFauxqs } from '../../support/fauxqs.ts';

/** The SQS emulator as a server: says its port, and ends with who started it. */
const { port } = await startTestFauxqs();
process.send?.(port);
process.once('disconnect', () => process.exit());
