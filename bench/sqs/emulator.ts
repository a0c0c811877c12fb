/** The embedded SQS emulator in a process of its own: tells its URL, and ends when it is told anything. */
import { startEmulator } from '../../src/dev/emulator.ts';

const emulator = await startEmulator();
process.once('message', () => process.exit());
process.send?.({ url: emulator.url });
