import { execFile, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { COPIES } from './copies.ts';

const run = promisify(execFile);

const VERSION = '1.7.1';
/** Kept between runs, and gone with the other modules. */
const JARS = join(import.meta.dirname, '../../node_modules/.cache', `elasticmq-${VERSION}`);
const REGION = 'eu-west-1';

/** An SQS server that is not ours and not fauxqs: ElasticMQ, in its own process. */
export interface ElasticMq {
  /** What the SQS driver takes to use it. */
  readonly options: { readonly endpoint: string; readonly region: string };
  stop(): Promise<void>;
}

/**
 * Makes ElasticMQ's jars available, fetched once by Maven from wherever it is configured to look. Resolves to
 * why they cannot be had here; rejects in CI where Java and Maven are at hand and it fails all the same.
 */
export async function fetchElasticMq(): Promise<string | undefined> {
  for (const [command, what] of [
    ['java', 'Java'],
    ['mvn', 'Maven'],
  ] as const) {
    const isThere = await run(command, ['-version']).then(
      () => true,
      () => false,
    );
    if (!isThere) return `ElasticMQ needs ${what}: "${command} -version" has to answer`;
  }
  try {
    await fetchJars();
    return undefined;
  } catch (error) {
    if (process.env['CI']) throw error;
    return `Maven could not fetch ElasticMQ: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function fetchJars(): Promise<void> {
  if ((await readdir(JARS).catch(() => [])).length > 0) return;
  await mkdir(join(JARS, '..'), { recursive: true });
  const folder = await mkdtemp(`${JARS}-`);
  try {
    await writeFile(join(folder, 'pom.xml'), POM);
    const copy = ['--batch-mode', '--quiet', 'dependency:copy-dependencies', '-DoutputDirectory=jars'];
    await run('mvn', copy, { cwd: folder, timeout: 240_000 });
    // Whole or not at all; another process may have been faster.
    await rename(join(folder, 'jars'), JARS).catch(async (error: unknown) => {
      if ((await readdir(JARS).catch(() => [])).length === 0) throw error;
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const POM = `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId>
  <artifactId>elasticmq</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.elasticmq</groupId>
      <artifactId>elasticmq-server_3</artifactId>
      <version>${VERSION}</version>
    </dependency>
  </dependencies>
</project>
`;

const CONFIG = `include classpath("application.conf")
generate-node-address = true
node-address { host = "127.0.0.1" }
rest-sqs { enabled = true, bind-port = 0, bind-hostname = "127.0.0.1", sqs-limits = strict }
rest-stats { enabled = false }
aws { region = "${REGION}", accountId = "000000000000" }
`;

/** It keeps what tests leave behind, large messages too: a gigabyte holds that of three copies, and with less than it needs it answers nobody. */
const HEAP = `-Xmx${Math.ceil(COPIES / 3)}g`;

/** Starts the server on a free port of this machine, with nothing in it. */
export async function startElasticMq(): Promise<ElasticMq> {
  const folder = await mkdtemp(join(tmpdir(), 'hikyaku-elasticmq-'));
  const config = join(folder, 'elasticmq.conf');
  await writeFile(config, CONFIG);
  const server = spawn(
    'java',
    [HEAP, `-Dconfig.file=${config}`, '-cp', join(JARS, '*'), 'org.elasticmq.server.Main'],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);
  const said: string[] = [];
  const port = await new Promise<string>((resolve, reject) => {
    server.once('error', reject);
    server.once('close', () => reject(new Error(`ElasticMQ did not start:\n${said.join('\n')}`)));
    createInterface(server.stdout).on('line', (line) => {
      said.push(line);
      const [, found] = /Started SQS rest server, bind address 127\.0\.0\.1:(\d+)/.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  said.length = 0;
  return {
    options: { endpoint: `http://127.0.0.1:${port}`, region: REGION },
    async stop() {
      process.off('exit', kill);
      kill();
      await ended;
      await rm(folder, { recursive: true });
    },
  };
}
