import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { InvalidName } from '../message/names.ts';
import { type Config, InvalidConfig } from './define-config.ts';

const NAMES = ['hikyaku.config.ts', 'hikyaku.config.mjs', 'hikyaku.config.js'];

/**
 * Loads the config of a folder.
 *
 * @throws InvalidConfig when there is none, or its default export is not one.
 */
export async function loadConfig(folder: string): Promise<Config> {
  const file = NAMES.map((name) => join(folder, name)).find((path) => existsSync(path));
  if (file === undefined) throw new InvalidConfig(`no ${NAMES[0]} in ${folder}: run this where it is`);
  const module = await load(file);
  if (isConfig(module.default)) return module.default;
  throw new InvalidConfig(`${file}: expected its default export to be made by defineConfig()`);
}

async function load(file: string): Promise<{ readonly default?: unknown }> {
  const { href } = pathToFileURL(file);
  try {
    return await import(href);
  } catch (error) {
    if (error instanceof InvalidConfig || error instanceof InvalidName || !(error instanceof Error))
      throw error;
    // Where it failed stands in the stack only, also for what is not TypeScript.
    const [, line] = error.stack?.split(href)[1]?.match(/^(:\d+)/) ?? [];
    throw new InvalidConfig(`${file}${line ?? ''} cannot be loaded: ${error.message}`, { cause: error });
  }
}

function isConfig(value: unknown): value is Config {
  return (
    typeof value === 'object' &&
    value !== null &&
    'prefix' in value &&
    'topics' in value &&
    Array.isArray(value.topics)
  );
}
