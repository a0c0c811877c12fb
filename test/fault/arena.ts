import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readDeadLetterReason } from '../../src/message/dead-letter.ts';
import { pause } from '../../src/time/backoff.ts';
import { asTransportError } from '../../src/transport/errors.ts';
import type { Depth } from '../../src/transport/transport.ts';
import { openTransport } from '../../src/transport/url.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { Carrier, Server } from './carriers/carrier.ts';
import { buildFsyncWitness } from './carriers/fsync-witness.ts';
import { type Machine, startMachine } from './carriers/machine.ts';
import type { Breakage } from './children/break-driver.ts';
import { LOAD, type LoadTopology, loadTopology } from './children/load.ts';
import type { ChildOptions, ConsumerOptions, FunctionOptions, ProducerOptions } from './children/options.ts';
import type { Fault } from './fault.ts';
import { type Ledger, startLedger } from './ledger/ledger.ts';
import { type Program, startProgram } from './program.ts';
import { createRandom, type Random } from './random.ts';

export interface ArenaOptions {
  readonly carrier: Carrier;
  readonly fault: Pick<Fault, 'settings' | 'losesPower' | 'meddles' | 'leaseMs' | 'maxDeliveries'>;
  readonly seed: number;
  /** The long form: as many rounds as faults are to be trusted by. */
  readonly nightly: boolean;
  /** How many have to be accepted before `enough` is. */
  readonly messages: number;
  /** Of every consumer and producer, to judge the judge. */
  readonly breakage?: Breakage;
}

type Settings<Options extends ChildOptions> = Partial<Omit<Options, 'ledger' | 'topology' | 'breakage'>>;

/** What faults are made in: a carrier with nothing in it, a ledger, and the means to start what runs on them. */
export interface Arena {
  readonly carrier: Carrier;
  readonly server: Server;
  /** The carrier's, where the fault asks for it. */
  readonly machine: Machine | undefined;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly nightly: boolean;
  readonly topology: LoadTopology;
  /** Starts a consumer; resolves once it has asked for messages. */
  consumer(settings?: Settings<ConsumerOptions>): Promise<Program>;
  producer(settings?: Settings<ProducerOptions>): Promise<Program>;
  /** Starts an environment of a function, which waits to be invoked. */
  environment(settings: Settings<FunctionOptions> & Pick<FunctionOptions, 'host'>): Promise<Program>;
  /** Starts another program of `children/`, with what all of them are given, and this way to the carrier. */
  program(file: 'many-connections', url: string): Promise<Program>;
  /** After the faults: lets the producer go on until as many are accepted as the run is made of, and ends it. */
  enough(producer: Program): Promise<void>;
  /** Has a producer publish as fast as that while consumers have less than plenty to do, else at a tenth of it. */
  pace(producer: Program, perSecond: number): void;
  /** Tells one to go, by SIGTERM. Returns what is wrong, if it does not end by itself, or not within `ms`. */
  goodbye(program: Program, ms?: number): Promise<string[]>;
  /** A way to the carrier that can be disturbed; its port goes into `server.url`. */
  proxy(): Promise<TcpProxy>;
  /** Past every proxy. */
  depth(): Promise<Depth>;
  /** Waits until more than so many more have been handled. */
  flows(more: number): Promise<void>;
  /** A fault begins. */
  fault(): Promise<void>;
  /** It is over: from here it is measured how soon all goes on. */
  healed(): Promise<void>;
  /** Waits until it does. Rejects when it does not within a minute. */
  recovered(): Promise<void>;
  /** Waits until nothing stands anywhere but in the dead-letter queue, and as much there as said. */
  empty(dead?: number): Promise<void>;
  /** Ends all that runs, by SIGTERM, and reads the dead letters into the ledger. Returns what did not end well. */
  end(): Promise<string[]>;
  close(): Promise<void>;
}

/** How long a consumer may take to end by itself, once it was told to and has nothing to do, in ms. */
const END_MS = 20_000;
const PATIENCE_MS = 60_000;
/** Of nothing that is done, in ms; in the long form as long as a message that kills its processes is leased apart from others. */
const EMPTY_MS = { short: 180_000, long: 1_000_000 };
/** So many wait that a consumer has enough to do, whatever it is. */
const PLENTY = 1_000;
/** How fast what is left is published after the faults, at most, and at least. */
const MOST_PER_SECOND = 1_000;
const SLOWEST_PER_SECOND = 50;

let arenas = 0;

export async function openArena({
  carrier,
  fault: { settings, losesPower, meddles, leaseMs = 2_000, maxDeliveries = 1_000 },
  seed,
  nightly,
  messages,
  breakage,
}: ArenaOptions): Promise<Arena> {
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-judge-'));
  const preload = losesPower ? await buildFsyncWitness(folder) : undefined;
  const machine = meddles ? await startMachine(folder) : undefined;
  const server = await carrier.start({
    seed,
    settings,
    machine,
    ...(preload && { environment: { LD_PRELOAD: preload } }),
  });
  const ledger = await startLedger(folder);
  const topology: LoadTopology = {
    prefix: `judge${++arenas}`,
    ordered: carrier.ordered,
    leaseMs,
    maxDeliveries,
  };
  const transport = await openTransport(server.url(server.judgePort), loadTopology(topology));
  try {
    await transport.provision();
  } catch (error) {
    // Else its processes would keep ours.
    await transport.close();
    await ledger.stop();
    await server.stop();
    throw error;
  }
  const programs: Program[] = [];
  const proxies: TcpProxy[] = [];

  function childOptions(name: string): ChildOptions {
    return { name, ledger: ledger.path, url: server.url(), topology, ...(breakage && { breakage }) };
  }

  function nameOf(kind: string): string {
    return `${kind}${programs.length + 1}`;
  }

  async function started(program: Promise<Program>): Promise<Program> {
    const one = await program;
    programs.push(one);
    return one;
  }

  function consumer(settings: Settings<ConsumerOptions> = {}): Promise<Program> {
    const options: ConsumerOptions = {
      ...childOptions(nameOf('consumer')),
      concurrency: 20,
      workMs: 20,
      retry: { maxAttempts: 5, baseMs: 100, maxMs: 2_000 },
      deadlineMs: 10_000,
      ...settings,
    };
    return started(startProgram('consumer', options, server.environment));
  }

  async function goodbye(program: Program, ms = END_MS): Promise<string[]> {
    const patience = new AbortController();
    program.signal('SIGTERM');
    const code = await Promise.race([program.exit, pause(ms, patience.signal).then(() => 'nothing')]);
    patience.abort();
    if (code === 0) return [];
    await program.kill();
    return [`${program.name} was told to end, and within ${ms} ms there was ${code} for an exit code`];
  }

  return {
    carrier,
    server,
    machine,
    ledger,
    nightly,
    topology,
    random: createRandom(seed),
    consumer,
    producer(settings = {}) {
      const options: ProducerOptions = {
        ...childOptions(nameOf('producer')),
        // Each is a key where there is order, and one of a key is handled at a time.
        lanes: carrier.ordered ? 40 : 8,
        ...settings,
        perSecond: (settings.perSecond ?? 150) * (carrier.ordered ? 1 / 3 : 1),
      };
      return started(startProgram('producer', options, server.environment));
    },
    environment(settings) {
      const options: FunctionOptions = {
        ...childOptions(nameOf('function')),
        workMs: 20,
        retry: { maxAttempts: 3, baseMs: 100, maxMs: 2_000 },
        handlerTimeoutMs: 600,
        ...settings,
      };
      return started(startProgram('function', options));
    },
    program: (file, url) => started(startProgram(file, { ...childOptions(nameOf(file)), url })),
    async enough(load) {
      const wanted = (): boolean => ledger.tally.accepted >= messages;
      if (!wanted()) {
        await consumer({ workMs: 0 });
        load.tell({ do: 'hurry', perSecond: MOST_PER_SECOND });
        await ledger.until('enough is published', wanted, (messages / SLOWEST_PER_SECOND) * 1_000);
      }
      load.tell({ do: 'stop' });
      await load.exit;
    },
    pace: (load, perSecond) =>
      load.tell({ do: 'hurry', perSecond: ledger.tally.open < PLENTY ? perSecond : perSecond / 10 }),
    goodbye,
    async proxy() {
      const { port } = server;
      if (port === undefined) throw new Error(`${carrier.name} is not reached over a network`);
      const proxy = await startTcpProxy(port);
      proxies.push(proxy);
      return proxy;
    },
    depth: () => transport.depth(LOAD),
    flows(more) {
      const { handled } = ledger.tally;
      return ledger.until('it flows', (tally) => tally.handled > handled + more);
    },
    fault: () => ledger.report({ what: 'fault' }),
    healed: () => ledger.report({ what: 'healed' }),
    recovered: () => ledger.until('recovered', ({ recovered }) => recovered, PATIENCE_MS),
    async empty(dead = 0) {
      let deadline = 0;
      let known = -1;
      for (;;) {
        const depth = await patiently(() => transport.depth(LOAD));
        if (depth.ready + depth.inFlight + depth.delayed === 0 && depth.dead >= dead) return;
        // As long as it goes on; a message that kills its processes takes its time to die.
        const done = ledger.tally.handled + depth.dead;
        if (done > known) deadline = performance.now() + (nightly ? EMPTY_MS.long : EMPTY_MS.short);
        known = done;
        if (performance.now() > deadline) throw new Error(`not empty: ${JSON.stringify(depth)}`);
        await pause(50);
      }
    },
    async end() {
      const ended = await Promise.all(programs.map((program) => (program.running ? goodbye(program) : [])));
      const problems = ended.flat();
      for (;;) {
        const letters = await patiently(() => transport.deadLetters.scan(LOAD, { max: 10, leaseMs: 60_000 }));
        if (letters.length === 0) return problems;
        for (const { id, headers } of letters) {
          const { code, attempts } = readDeadLetterReason(headers);
          await ledger.report({ what: 'dead', id, code, attempts });
        }
        // A FIFO queue shows what SQS itself has given up key by key.
        await patiently(() => transport.deadLetters.purge(LOAD, letters));
      }
    },
    async close() {
      await Promise.all(programs.map((program) => (program.running ? program.kill() : undefined)));
      await transport.close();
      await Promise.all(proxies.map((proxy) => proxy.stop()));
      await ledger.stop();
      await server.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Asks again while the carrier is away for a moment, as whoever uses it does. */
async function patiently<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!asTransportError(error).retryable || performance.now() > deadline) throw error;
      await pause(50);
    }
  }
}
