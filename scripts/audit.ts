import { spawnSync } from 'node:child_process';

/**
 * Fails when npm knows of a vulnerability in what is installed. A registry that cannot be asked, or has no such
 * service, is said, and is no failure.
 */
const { stdout } = spawnSync('npm', ['audit', '--json'], { encoding: 'utf8', timeout: 60_000 });
const answer = parse(stdout);
const { metadata, vulnerabilities, message = 'it did not answer' } = answer;

if (metadata === undefined) {
  console.log(`skipped: the registry cannot be asked for vulnerabilities: ${message}`);
} else if (metadata.vulnerabilities.total === 0) {
  console.log('no vulnerabilities are known');
} else {
  for (const { name, severity } of Object.values(vulnerabilities ?? {}))
    console.error(`${severity}: ${name}`);
  console.error(`${metadata.vulnerabilities.total} vulnerabilities are known: see npm audit`);
  process.exitCode = 1;
}

interface Audit {
  /** Absent where there is no answer. */
  readonly metadata?: { readonly vulnerabilities: { readonly total: number } };
  readonly vulnerabilities?: Readonly<Record<string, { readonly name: string; readonly severity: string }>>;
  readonly message?: string;
}

function parse(json: string): Audit {
  try {
    return JSON.parse(json);
  } catch {
    return {};
  }
}
