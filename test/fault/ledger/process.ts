import { openSync, writeSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import type { Entry } from './entry.ts';
import { onLines } from './lines.ts';
import type { FromClient } from './protocol.ts';

/**
 * The ledger: `node process.ts <socket> <file>`. Writes down what it is told, with the time, and answers once it is
 * written. There is no way to take anything back. Ends with the judge.
 */
const [path = '', file = ''] = process.argv.slice(2);
const fd = openSync(file, 'ax');
const watchers = new Set<Socket>();

function write(entry: Entry): void {
  const line = `${JSON.stringify(entry)}\n`;
  writeSync(fd, line);
  for (const watcher of watchers) watcher.write(line);
}

const server = createServer((socket) => {
  let by = 'somebody';
  socket.on('close', () => watchers.delete(socket));
  onLines(socket, (line) => {
    const said: FromClient = JSON.parse(line);
    if ('hello' in said) by = said.hello;
    else if ('watch' in said) watchers.add(socket);
    else {
      write({ ...said.report, at: performance.now(), by });
      socket.write(`${said.seq}\n`);
    }
  });
});
server.listen(path, () => process.send?.('ready'));
process.once('disconnect', () => process.exit());
