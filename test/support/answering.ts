import { createServer } from 'node:net';
import { onTestFinished } from 'vitest';

/** A server that gives the same answer to everything. */
export async function answering(reply: string): Promise<number> {
  const listener = createServer((socket) => {
    socket.on('data', () => socket.write(`${reply}\r\n`));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void listener.close());
  const address = listener.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
