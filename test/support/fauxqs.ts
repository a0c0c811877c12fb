import { startFauxqs } from 'fauxqs';

/** Where the emulator's queues are. */
const REGION = 'eu-west-1';

export interface Fauxqs {
  /** What the SQS driver takes to use it. */
  readonly options: { readonly endpoint: string; readonly region: string };
  readonly port: number;
  /** Deletes a queue behind the driver's back. */
  deleteQueue(name: string): void;
  /** Sends as another program would: any attributes, none of ours. */
  sendForeign(queue: string, body: string, attributes?: Readonly<Record<string, string>>): void;
  /** A queue's attributes, by name. */
  attributes(queue: string): Readonly<Record<string, string>> | undefined;
  /** Makes a queue behind the driver's back. */
  createQueue(name: string, attributes: Readonly<Record<string, string>>): void;
  stop(): Promise<void>;
}

/** Starts an SQS emulator in this process, on a free port and with nothing in it. */
export async function startTestFauxqs(options: { readonly port?: number } = {}): Promise<Fauxqs> {
  const server = await startFauxqs({ port: options.port ?? 0, defaultRegion: REGION, logger: false });
  return {
    options: { endpoint: `http://127.0.0.1:${server.port}`, region: REGION },
    port: server.port,
    deleteQueue: (name) => server.deleteQueue(name),
    sendForeign(queue, body, attributes = {}) {
      const messageAttributes = Object.fromEntries(
        Object.entries(attributes).map(([name, StringValue]) => [name, { DataType: 'String', StringValue }]),
      );
      server.sendMessage(queue, body, { messageAttributes });
    },
    attributes: (queue) => server.inspectQueue(queue)?.attributes,
    createQueue(name, attributes) {
      server.createQueue(name, { attributes: { ...attributes } });
    },
    stop: () => server.stop(),
  };
}
