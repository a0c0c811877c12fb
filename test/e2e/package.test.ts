import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../..');
const manifest: { exports: Record<string, { default: string; types: string } | string> } = JSON.parse(
  readFileSync(join(root, 'package.json'), 'utf8'),
);

// Beside the sources, so that what is built finds its dependencies.
let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(root, 'node_modules/.hikyaku-build-'));
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  await run(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', folder]);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const built = (path: string) => path.replace('./dist', folder);

describe('the package', () => {
  it('exports what it says, as JavaScript with types', async () => {
    const entry = manifest.exports['.'];
    if (typeof entry !== 'object') throw new Error('expected conditions');
    const program = `import { createPublisher, defineMessage, openTransport, startWorker } from ${JSON.stringify(built(entry.default))};
      console.log([createPublisher, defineMessage, openTransport, startWorker].every((one) => typeof one === 'function'));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
    expect(stdout.trim()).toBe('true');
    expect(readFileSync(built(entry.types), 'utf8')).toContain('defineMessage');
    const model = manifest.exports['./model-ready'];
    if (typeof model !== 'object') throw new Error('expected conditions');
    expect(await import(built(model.default))).toHaveProperty('modelReadyToDeploy');
  });

  it('has a command line that runs as built', async () => {
    const { stdout } = await run(process.execPath, [join(folder, 'cli/main.js'), '--help']);
    expect(stdout).toContain('Usage: hikyaku');
  });
});
