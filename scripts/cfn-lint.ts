import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';

/**
 * Lints the templates that `npm run synth` has left in cdk.out with cfn-lint, if it is installed (`pip install
 * cfn-lint`). Elsewhere it says so and passes; in CI its absence is a failure.
 */
const command = process.env['CFN_LINT'] || 'cfn-lint';
const templates = globSync('cdk.out/**/*.template.json');
if (templates.length === 0) {
  console.error('there are no templates in cdk.out: npm run synth makes them');
  process.exitCode = 1;
} else if (!recent()) {
  console.error(
    'there is no cfn-lint 1.58 or later, which knows all that is used: pip install cfn-lint brings it',
  );
  process.exitCode = process.env['CI'] ? 1 : 0;
} else {
  // CDK says dependencies that follow from references already: that is no fault of a template.
  const { status } = spawnSync(command, ['--ignore-checks', 'W3005', '--', ...templates], {
    stdio: 'inherit',
  });
  process.exitCode = status ?? 1;
  if (status === 0) console.log(`${templates.length} templates are clean`);
}

/** Older ones take what is new at ElastiCache for a mistake. */
function recent(): boolean {
  const { stdout } = spawnSync(command, ['--version'], { encoding: 'utf8' });
  const [, major, minor] = /(\d+)\.(\d+)/.exec(stdout ?? '') ?? [];
  return Number(major) > 1 || Number(minor) >= 58;
}
