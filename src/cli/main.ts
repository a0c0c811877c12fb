import { run } from './program.ts';

// Whoever reads our output may stop reading: `hikyaku peek … | head`. What runs until it is told to end is told.
let read = true;
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  if (read && !process.emit('SIGTERM')) process.exit(0);
  read = false;
});

process.exitCode = await run(process.argv.slice(2));
