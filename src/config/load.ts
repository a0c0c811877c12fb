import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
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
  const module: { default?: unknown } = await import(pathToFileURL(file).href);
  if (isConfig(module.default)) return module.default;
  throw new InvalidConfig(`${file}: expected its default export to be made by defineConfig()`);
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
