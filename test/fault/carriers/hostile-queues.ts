import { randomUUID } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import type { Random } from '../random.ts';

/** A message as SQS holds it; times on the monotonic clock, in ms. */
interface Held {
  readonly MessageId: string;
  readonly Body: string;
  readonly MessageAttributes: unknown;
  readonly sentAt: number;
  visibleAt: number;
  receives: number;
  /** Of every receive: an old one may still be good, or not. */
  readonly receipts: string[];
}

export type Fields = Readonly<Record<string, unknown>>;

/** Queues that do what SQS may do and an emulator never does, as often as they can. */
export interface HostileQueues {
  /** The answer to a call. `kind`: nothing is done wrong. Throws {@link SqsError}. */
  call(action: string, input: Fields, kind: boolean): Promise<Fields>;
}

export class SqsError extends Error {
  override readonly name = 'SqsError';
  readonly code: string;
  readonly status: number;
  constructor(code: string, status: number) {
    super(code);
    this.code = code;
    this.status = status;
  }
}

export function createHostileQueues(random: Random, endpoint: () => string): HostileQueues {
  const queues = new Map<string, { attributes: Record<string, unknown>; messages: Held[] }>();
  const chance = (percent: number): boolean => random.whole(1, 100) <= percent;

  function queueOf({ QueueUrl, QueueName }: Fields) {
    const name = String(QueueName ?? String(QueueUrl).split('/').at(-1));
    const queue = queues.get(name);
    if (queue === undefined) throw new SqsError('QueueDoesNotExist', 400);
    return { name, ...queue };
  }

  /** Each entry on its own: some fail, of which some have been done all the same. */
  function batch(input: Fields, kind: boolean, work: (entry: Fields) => Fields | undefined): Fields {
    const Successful: Fields[] = [];
    const Failed: Fields[] = [];
    for (const entry of entriesOf(input)) {
      const { Id } = entry;
      if (!kind && chance(4)) {
        Failed.push({ Id, Code: 'InternalError', Message: 'not done', SenderFault: false });
        continue;
      }
      const done = work(entry);
      if (done === undefined) {
        Failed.push({ Id, Code: 'ReceiptHandleIsInvalid', Message: 'too old', SenderFault: true });
      } else if (!kind && chance(3)) {
        Failed.push({ Id, Code: 'InternalError', Message: 'done', SenderFault: false });
      } else Successful.push({ Id, ...done });
    }
    return { Successful, ...(Failed.length > 0 && { Failed }) };
  }

  function find(messages: readonly Held[], { ReceiptHandle }: Fields): Held | undefined {
    return messages.find(({ receipts }) => receipts.includes(String(ReceiptHandle)));
  }

  function isStale(message: Held, { ReceiptHandle }: Fields): boolean {
    return message.receipts.at(-1) !== ReceiptHandle;
  }

  function take(messages: Held[], input: Fields, kind: boolean): Fields[] {
    const now = performance.now();
    const most = Number(input['MaxNumberOfMessages'] ?? 1);
    const visible = messages.filter(({ visibleAt }) => visibleAt <= now);
    // At least once: sometimes what another has in flight, or what was taken just now.
    if (!kind && messages.length > 0 && chance(5))
      visible.push(random.pick([messages[0] ?? NOBODY, ...messages]));
    if (!kind) visible.sort(() => random.whole(-1, 1));
    return visible.slice(0, kind ? most : random.whole(1, most)).map((message) => {
      message.receives++;
      message.visibleAt = now + Number(input['VisibilityTimeout'] ?? 30) * 1_000;
      const ReceiptHandle = randomUUID();
      message.receipts.push(ReceiptHandle);
      const { MessageId, Body, MessageAttributes, receives, sentAt } = message;
      const SentTimestamp = String(Math.round(performance.timeOrigin + sentAt));
      const Attributes = { ApproximateReceiveCount: String(receives), SentTimestamp };
      return { MessageId, Body, MessageAttributes, ReceiptHandle, Attributes };
    });
  }

  const actions: Readonly<Record<string, (input: Fields, kind: boolean) => Fields | Promise<Fields>>> = {
    CreateQueue({ QueueName, Attributes }) {
      const attributes = typeof Attributes === 'object' ? { ...Attributes } : {};
      queues.set(String(QueueName), { attributes, messages: [] });
      return { QueueUrl: `${endpoint()}/000000000000/${QueueName}` };
    },
    GetQueueUrl: (input) => ({ QueueUrl: `${endpoint()}/000000000000/${queueOf(input).name}` }),
    GetQueueAttributes(input) {
      const { name, attributes, messages } = queueOf(input);
      const now = performance.now();
      const hidden = messages.filter(({ visibleAt }) => visibleAt > now).length;
      return {
        Attributes: {
          ...attributes,
          QueueArn: `arn:aws:sqs:eu-west-1:000000000000:${name}`,
          ApproximateNumberOfMessages: String(messages.length - hidden),
          ApproximateNumberOfMessagesNotVisible: String(hidden),
          ApproximateNumberOfMessagesDelayed: '0',
        },
      };
    },
    SendMessageBatch(input, kind) {
      const { messages } = queueOf(input);
      return batch(input, kind, ({ MessageBody, MessageAttributes, DelaySeconds }) => {
        const sentAt = performance.now();
        const MessageId = randomUUID();
        messages.push({
          ...{ MessageId, Body: String(MessageBody), MessageAttributes, sentAt, receives: 0, receipts: [] },
          visibleAt: sentAt + Number(DelaySeconds ?? 0) * 1_000,
        });
        return { MessageId, MD5OfMessageBody: '' };
      });
    },
    async ReceiveMessage(input, kind) {
      const { messages } = queueOf(input);
      const until = performance.now() + Number(input['WaitTimeSeconds'] ?? 0) * 1_000;
      for (;;) {
        const taken = take(messages, input, kind);
        if (taken.length > 0 || performance.now() >= until)
          return taken.length > 0 ? { Messages: taken } : {};
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    DeleteMessageBatch(input, kind) {
      const { messages } = queueOf(input);
      return batch(input, kind, (entry) => {
        const message = find(messages, entry);
        // What is gone is deleted; an old receipt deletes, or says so and does not.
        if (message === undefined || (isStale(message, entry) && chance(50))) return {};
        // Done is done, but now and then a copy is left on a server that was away.
        if (kind || !chance(2)) messages.splice(messages.indexOf(message), 1);
        return {};
      });
    },
    ChangeMessageVisibilityBatch(input, kind) {
      const { messages } = queueOf(input);
      return batch(input, kind, (entry) => {
        const message = find(messages, entry);
        if (message === undefined) return undefined;
        if (isStale(message, entry) && chance(50)) return undefined;
        message.visibleAt = performance.now() + Number(entry['VisibilityTimeout']) * 1_000;
        return {};
      });
    },
  };

  return {
    async call(action, input, kind) {
      const work = actions[action];
      if (work === undefined) throw new SqsError('InvalidAction', 400);
      if (!kind && chance(4)) throw new SqsError('InternalFailure', 500);
      if (!kind && chance(4)) throw new SqsError('RequestThrottled', 400);
      return work(input, kind);
    },
  };
}

const NOBODY: Held = {
  ...{ MessageId: '', Body: '', MessageAttributes: {}, sentAt: 0, visibleAt: 0, receives: 0 },
  receipts: [],
};

function entriesOf({ Entries }: Fields): readonly Fields[] {
  return Array.isArray(Entries) ? Entries : [];
}
