import { channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** An SQS emulator inside this process. */
export interface Emulator {
  /** For `TRANSPORT_URL`: `sqs://127.0.0.1:<port>`. */
  readonly url: string;
  /** For SDK clients: `http://127.0.0.1:<port>`. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/**
 * Starts the emulator on a free port; with a folder, its state outlives the process, a killed one too.
 * It listens on all interfaces and knows no authentication, so connections from elsewhere are closed here.
 */
export async function startEmulator(options: { readonly dataDir?: string } = {}): Promise<Emulator> {
  // Large, and of no use to any other command.
  const { startFauxqs } = await import('fauxqs');
  const connections = channel('net.server.socket');
  let port = 0;
  const closeForeign = (message: unknown): void => {
    const socket = socketOf(message);
    if (socket?.localPort === port && !isLoopback(socket.remoteAddress)) socket.destroy();
  };
  connections.subscribe(closeForeign);
  const server = await startFauxqs({ port: 0, logger: false, ...options });
  port = server.port;
  if (options.dataDir !== undefined) keepReleased(options.dataDir);
  return {
    url: `sqs://127.0.0.1:${port}`,
    endpoint: `http://127.0.0.1:${port}`,
    async stop() {
      await server.stop();
      connections.unsubscribe(closeForeign);
    },
  };
}

/**
 * fauxqs 2.4 fails to persist a message whose visibility is set to 0: it writes NULL where its table forbids it,
 * and has by then forgotten the message until its next start. The trigger writes what was meant instead.
 */
function keepReleased(dataDir: string): void {
  const database = new DatabaseSync(join(dataDir, 'fauxqs.db'));
  database.exec(`
    CREATE TRIGGER IF NOT EXISTS keep_released BEFORE UPDATE ON sqs_messages
    WHEN NEW.approximate_receive_count IS NULL
    BEGIN
      UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = OLD.message_id;
      SELECT RAISE(IGNORE);
    END`);
  database.close();
}

function socketOf(message: unknown): Pick<Socket, 'localPort' | 'remoteAddress' | 'destroy'> | undefined {
  return typeof message === 'object' && message !== null && 'socket' in message && isSocket(message.socket)
    ? message.socket
    : undefined;
}

function isSocket(value: unknown): value is Socket {
  return typeof value === 'object' && value !== null && 'localPort' in value && 'remoteAddress' in value;
}

function isLoopback(address: string | undefined): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./.test(address ?? '');
}
