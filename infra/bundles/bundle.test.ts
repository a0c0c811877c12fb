import { execFileSync } from 'node:child_process';
import { EventEmitter } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleLambdas, type LambdaBundle } from './bundle.ts';
import { ROOT } from './functions.ts';

/**
 * The entry shares one module with `first.ts`, another with both lazy files; these share a third that the
 * entry does not load. Each shared thing is compared by identity where it arrives.
 */
const FILES: Readonly<Record<string, string>> = {
  'node_modules/eager/package.json': '{ "main": "main.cjs", "module": "module.js" }',
  'node_modules/eager/main.cjs': `exports.said = 'as CommonJS';`,
  'node_modules/eager/module.js': `export const said = 'eager'; export const unused = 'unused of eager';`,
  'node_modules/@scope/lazy/package.json': '{ "main": "main.cjs" }',
  'node_modules/@scope/lazy/main.cjs': `exports.said = 'lazy';`,
  'one.ts': `export const one: object = { at: 'one.ts' }; export default one;`,
  'all.ts': `export const all: object = { at: 'all.ts' };`,
  'both.ts': `export const both: object = { at: 'both.ts' };`,
  'first.ts': `import one from './one.ts';
    import { all } from './all.ts';
    import { both } from './both.ts';
    import lazy from '@scope/lazy';
    export const first = [one, all, both, lazy.said];`,
  'second.ts': `export { all } from './all.ts'; export { both } from './both.ts';`,
  'entry.ts': `import { platform } from 'node:os';
    import { said } from 'eager';
    import { all } from './all.ts';
    import one from './one.ts';
    export const handler = async () => {
      const { first } = await import('./first.ts');
      const second = await import('./second.ts');
      return {
        same: [first[0] === one, first[1] === all, second.all === all, second.both === first[2]],
        said: [typeof platform(), said, first[3]],
      };
    };`,
};

describe('a bundled function', () => {
  let folder: string;
  let bundle: LambdaBundle;
  let texts: Map<string, string>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hikyaku-bundle-'));
    for (const [path, text] of Object.entries(FILES)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    const functions = [{ name: 'one', entry: join(folder, 'entry.ts') }];
    const [first] = await bundleLambdas(functions, join(folder, 'out'));
    if (first === undefined) throw new Error('nothing was bundled');
    bundle = first;
    texts = new Map(
      readdirSync(bundle.folder).map((file) => [file, readFileSync(join(bundle.folder, file), 'utf8')]),
    );
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const filesWith = (text: string) =>
    [...texts].filter(([, one]) => one.includes(text)).map(([file]) => file);
  const bytes = (files: Iterable<string>) =>
    [...files].reduce((sum, file) => sum + Buffer.byteLength(texts.get(file) ?? ''), 0);

  it('runs on its own, away from its packages, with one instance of each module', () => {
    const script = `const { handler } = await import(${JSON.stringify(pathToFileURL(bundle.module))});
      console.log(JSON.stringify(await handler()));`;
    rmSync(join(folder, 'node_modules'), { recursive: true });
    const out = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
    });
    expect(JSON.parse(out)).toEqual({ same: [true, true, true, true], said: ['string', 'eager', 'lazy'] });
  });

  it('loads one file at start, and keeps in others what is imported lazily', () => {
    expect(filesWith('eager')).toEqual(['index.mjs']);
    expect(filesWith('one.ts')).toEqual(['index.mjs']);
    expect(filesWith('all.ts')).toEqual(['index.mjs']);
    expect(texts.get('index.mjs')).not.toMatch(/from\s*"\.\//);
    expect(filesWith('both.ts')).toHaveLength(1);
    expect(filesWith('both.ts')).not.toContain('index.mjs');
    expect(filesWith('unused of')).toEqual([]);
  });

  it('is refused when a part of it could only fail', async () => {
    const entry = join(folder, 'requiring.ts');
    writeFileSync(entry, `export const handler = () => { try { return require('absent'); } catch {} };`);
    await expect(bundleLambdas([{ name: 'requiring', entry }], join(folder, 'out'))).rejects.toThrow(
      "requiring calls require('absent'), which ES modules do not have",
    );
  });

  it('may contain packages that require modules of Node', async () => {
    const entry = join(folder, 'required.ts');
    writeFileSync(join(folder, 'common.cjs'), `module.exports = class extends require('events') {};`);
    writeFileSync(entry, `import Common from './common.cjs'; export const handler = () => new Common();`);
    const [required] = await bundleLambdas([{ name: 'required', entry }], join(folder, 'out'));
    const { handler } = await import(pathToFileURL(required?.module ?? '').href);
    expect(handler()).toBeInstanceOf(EventEmitter);
  });

  it.each([
    [['memory', 'sqs'], false],
    [['redis-streams'], true],
  ])('carries the drivers %j and no others', async (drivers, redis) => {
    const entry = join(ROOT, 'src/transport/url.ts');
    const [only] = await bundleLambdas([{ name: `only-${drivers[0]}`, entry, drivers }], join(folder, 'out'));
    const { openTransport } = await import(pathToFileURL(only?.module ?? '').href);
    expect(only?.total.modules.includes('ioredis')).toBe(redis);
    expect(only?.total.modules.includes('@aws-sdk/client-sqs')).toBe(!redis);
    const url = (carried: boolean) => (carried === redis ? 'redis://127.0.0.1:1' : 'memory:');
    const topology = { prefix: 'p', topics: [] };
    await (await openTransport(url(true), topology)).close();
    await expect(openTransport(url(false), topology)).rejects.toThrow('bundled without the driver');
  });

  it('carries no handler that its config would load for workers', async () => {
    const entry = join(folder, 'configured.ts');
    writeFileSync(
      join(folder, 'hikyaku.config.ts'),
      `export default { loadHandler: () => import('./first.ts') };`,
    );
    writeFileSync(
      entry,
      `import config from './hikyaku.config.ts'; export const handler = () => config.loadHandler();`,
    );
    const [only] = await bundleLambdas([{ name: 'configured', entry }], join(folder, 'out'));
    const { handler } = await import(pathToFileURL(only?.module ?? '').href);
    await expect(handler()).rejects.toThrow('bundled without ./first.ts');
  });

  it('says what is loaded at start, and what there is in all', () => {
    expect(bundle.start).toEqual({ bytes: bytes(['index.mjs']), modules: ['eager', 'node:os'] });
    expect(bundle.total).toEqual({
      bytes: bytes(texts.keys()),
      modules: ['@scope/lazy', 'eager', 'node:os'],
    });
  });
});
