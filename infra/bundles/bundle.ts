import { rm, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { type BuildOptions, build, type Metafile } from 'esbuild';
import { onlyDrivers } from './drivers-plugin.ts';
import { type LambdaFunction, ROOT } from './functions.ts';
import { noHandlersOfConfig } from './handlers-plugin.ts';
import { lightIoredis } from './ioredis-plugin.ts';
import { bareLua } from './lua-plugin.ts';
import { mergeStart, type SplitFile } from './merge-start.ts';
import { nodeModules } from './node-modules-plugin.ts';
import { nothingForOperators } from './operator-plugin.ts';
import { nothingForOrder } from './order-plugin.ts';
import { nativeWebhooks } from './webhooks-plugin.ts';

/** A bundled function: what is in `folder` is what is deployed. */
export interface LambdaBundle {
  readonly name: string;
  readonly folder: string;
  /** The module that exports `handler`. */
  readonly module: string;
  /** What Lambda loads before the first message: the module, and all that it imports statically. */
  readonly start: LoadedCode;
  /** Everything, also what is loaded only when it is needed. */
  readonly total: LoadedCode;
}

export interface LoadedCode {
  /** Minified, not compressed. */
  readonly bytes: number;
  /** The npm packages that the code comes from, and Node's own modules that it imports statically. */
  readonly modules: readonly string[];
}

/**
 * Bundles each function into a folder of its own in `outFolder`: ES modules with splitting, so that what is
 * imported lazily stays in files of its own, which CDK's single-file bundling cannot do. Everything goes in
 * but Node's own modules. esbuild's metafile is put beside the folder, as `<name>.meta.json`.
 */
export async function bundleLambdas(
  functions: readonly LambdaFunction[],
  outFolder: string,
): Promise<LambdaBundle[]> {
  return Promise.all(functions.map((one) => bundle(one, join(outFolder, one.name))));
}

const COMMON = {
  absWorkingDir: ROOT,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  // Only what the AWS SDK runs in browsers imports it.
  external: ['bowser'],
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minify: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'warning',
} satisfies BuildOptions;

/** What functions behind SQS are deployed with. */
const DRIVERS = ['memory', 'sqs'];

async function bundle(
  { name, entry, drivers = DRIVERS, ordered = true }: LambdaFunction,
  folder: string,
): Promise<LambdaBundle> {
  const split = await build({
    ...COMMON,
    entryPoints: { index: entry },
    outdir: folder,
    splitting: true,
    // ES modules where a package has them: only they can be shaken and split.
    mainFields: ['module', 'main'],
    write: false,
    plugins: [
      nodeModules,
      lightIoredis,
      nativeWebhooks,
      onlyDrivers(drivers),
      noHandlersOfConfig,
      nothingForOperators,
      ...(ordered ? [] : [nothingForOrder]),
      bareLua,
    ],
  });
  const { outputs } = split.metafile;
  for (const { imports } of Object.values(outputs)) {
    const required = imports.find(({ kind }) => kind === 'require-call');
    if (required) throw new Error(`${name} calls require('${required.path}'), which ES modules do not have`);
  }
  const start = loadedAtStart(split.metafile, relative(ROOT, join(folder, 'index.mjs')));
  const lazy = Object.keys(outputs).filter((file) => !start.includes(file));
  const texts = new Map(split.outputFiles.map(({ path, text }) => [relative(ROOT, path), text]));
  const splitFile = (file: string): SplitFile => ({
    name: basename(file),
    text: texts.get(file) ?? '',
    exports: outputs[file]?.exports ?? [],
  });

  await rm(folder, { recursive: true, force: true });
  const merged = await build({
    ...COMMON,
    ...mergeStart(start.map(splitFile), lazy.map(splitFile)),
    outdir: folder,
  });
  await writeFile(`${folder}.meta.json`, JSON.stringify(split.metafile));
  const bytes = (files: readonly string[]): number =>
    files.reduce((sum, file) => sum + (merged.metafile.outputs[file]?.bytes ?? 0), 0);
  const module = join(folder, 'index.mjs');
  return {
    name,
    folder,
    module,
    start: { bytes: bytes([relative(ROOT, module)]), modules: modulesOf(split.metafile, start) },
    total: {
      bytes: bytes(Object.keys(merged.metafile.outputs)),
      modules: modulesOf(split.metafile, Object.keys(outputs)),
    },
  };
}

/** The entry first, then all that it imports statically. */
function loadedAtStart({ outputs }: Metafile, entry: string): string[] {
  const files = new Set([entry]);
  // A set shows its loop what is added meanwhile: this follows imports of imports.
  for (const file of files) {
    for (const { path, kind } of outputs[file]?.imports ?? []) {
      if (kind !== 'dynamic-import' && path in outputs) files.add(path);
    }
  }
  return [...files];
}

function modulesOf({ outputs }: Metafile, files: readonly string[]): string[] {
  const modules = new Set<string>();
  for (const file of files) {
    for (const [input, { bytesInOutput }] of Object.entries(outputs[file]?.inputs ?? {})) {
      const name = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(input)?.[1];
      if (name !== undefined && bytesInOutput > 0) modules.add(name);
    }
    for (const { path, kind, external } of outputs[file]?.imports ?? []) {
      if (external && kind === 'import-statement') modules.add(path);
    }
  }
  return [...modules].sort();
}
