/** In US dollars, as published for us-east-1, on demand, without free tiers. */
const PRICES = {
  sqsRequest: 0.4e-6,
  lambdaRequest: 0.2e-6,
  /** On arm64. */
  lambdaGibSecond: 0.0000133334,
  logGb: 0.5,
  trace: 5e-6,
  customMetric: 0.3,
  alarmMetric: 0.1,
  compositeAlarm: 0.5,
  dashboard: 3,
  serverlessGbHour: 0.084,
  serverlessEcpu: 0.0023e-6,
} as const;

const HOURS = 730;
const SECONDS = HOURS * 3_600;

/** What the table takes for granted; the text beside it says so. */
export const ASSUMED = {
  pollersOfQueue: 5,
  secondsOfPoll: 20,
  consumerGib: 0.25,
  secondsOfHandler: 0.1,
  secondsAroundHandlers: 0.01,
  handlersAtOnceInDrain: 10,
  secondsOfIdleDrain: 0.3,
  logBytesOfMessage: 250,
  logBytesOfInvocation: 1_500,
  ecpusOfMessage: 10,
  serverlessGb: 0.1,
  /** Of one subscription, told by its consumer: see `src/observe/metrics.ts`. */
  metricsOfConsumer: 6,
  /** Of one subscription on Redis, told by its drain, also when nothing comes. */
  metricsOfDrain: 5,
} as const;

/** What of an installation costs something while nothing happens, as counted in its templates. */
export interface Standing {
  readonly alarmMetrics: number;
  readonly compositeAlarms: number;
  readonly dashboards: number;
  /** Queues that Lambda polls. */
  readonly polledQueues: number;
  /** Drains that are invoked each minute. */
  readonly drains: number;
  readonly cache: 'none' | 'serverless' | 'nodes';
}

export interface Load {
  /** In a month, evenly, all on one subscription. */
  readonly messages: number;
  /** How many travel in one request, and come in one invocation. On SQS only. */
  readonly batch: number;
}

/** US dollars a month. `total` is without nodes of Redis, whose price is to be looked up. */
export interface Cost {
  readonly carrier: number;
  readonly functions: number;
  readonly logs: number;
  readonly traces: number;
  readonly watching: number;
  readonly total: number;
}

export function monthlyCost(standing: Standing, { messages, batch }: Load): Cost {
  const { polledQueues, drains, cache } = standing;
  const onSqs = polledQueues > 0;
  const polls = (polledQueues * ASSUMED.pollersOfQueue * SECONDS) / ASSUMED.secondsOfPoll;
  // Sent, received, deleted.
  const requests = onSqs ? polls + (3 * messages) / batch : 0;
  const serverless =
    cache === 'serverless'
      ? ASSUMED.serverlessGb * HOURS * PRICES.serverlessGbHour +
        messages * ASSUMED.ecpusOfMessage * PRICES.serverlessEcpu
      : 0;
  const carrier = requests * PRICES.sqsRequest + serverless;

  const invocations = onSqs ? messages / batch : (drains * SECONDS) / 60;
  const busySeconds = onSqs
    ? invocations * (ASSUMED.secondsOfHandler + ASSUMED.secondsAroundHandlers)
    : invocations * ASSUMED.secondsOfIdleDrain +
      (messages * ASSUMED.secondsOfHandler) / ASSUMED.handlersAtOnceInDrain;
  const functions =
    invocations * PRICES.lambdaRequest + busySeconds * ASSUMED.consumerGib * PRICES.lambdaGibSecond;

  const logBytes = messages * ASSUMED.logBytesOfMessage + invocations * ASSUMED.logBytesOfInvocation;
  const logs = (logBytes / 1e9) * PRICES.logGb;
  // X-Ray takes the first of each second, and one in twenty of the others.
  const first = Math.min(invocations, SECONDS);
  const traces = (first + 0.05 * (invocations - first)) * PRICES.trace;
  const metrics = drains * ASSUMED.metricsOfDrain + (messages > 0 ? ASSUMED.metricsOfConsumer : 0);
  const watching =
    standing.alarmMetrics * PRICES.alarmMetric +
    standing.compositeAlarms * PRICES.compositeAlarm +
    standing.dashboards * PRICES.dashboard +
    metrics * PRICES.customMetric;
  const total = carrier + functions + logs + traces + watching;
  return { carrier, functions, logs, traces, watching, total };
}

/** The table of `docs/how-to/deploy.md`, from what stands on each carrier. */
export function costTable(on: Readonly<Record<'sqs' | 'redisDev' | 'redisProd', Standing>>): string {
  const million = 1_000_000;
  const rows: readonly (readonly [string, Standing, number, number])[] = [
    ['SQS', on.sqs, 0, 1],
    ['SQS, each message alone', on.sqs, million, 1],
    ['SQS, in full batches of ten', on.sqs, million, 10],
    ['SQS, each message alone', on.sqs, 100 * million, 1],
    ['SQS, in full batches of ten', on.sqs, 100 * million, 10],
    ...[0, million, 100 * million].map((messages) => ['Redis, `dev`', on.redisDev, messages, 1] as const),
    ...[0, million, 100 * million].map((messages) => ['Redis, `prod`', on.redisProd, messages, 1] as const),
  ];
  const lines = rows.map(([name, standing, messages, batch]) => {
    const cost = monthlyCost(standing, { messages, batch });
    const nodes = standing.cache === 'nodes';
    const dollars = (value: number): string => value.toFixed(2);
    const cells = [
      name,
      messages === 0 ? '0' : `${messages / million} million`,
      nodes ? 'nodes' : dollars(cost.carrier),
      ...[cost.functions, cost.logs, cost.traces, cost.watching].map(dollars),
      `**${dollars(cost.total)}**${nodes ? ' and nodes' : ''}`,
    ];
    return `| ${cells.join(' | ')} |\n`;
  });
  const head = '| carrier | messages | carrying | functions | logs | traces | watching | a month, $ |\n';
  return `${head}|---|--:|--:|--:|--:|--:|--:|--:|\n${lines.join('')}`;
}
