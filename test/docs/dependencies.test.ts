import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

const page = readFileSync('docs/reference/dependencies.md', 'utf8');
const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'));

/** The packages of a table, each with its reason. */
function listed(heading: string): [name: string, reason: string][] {
  const section = page.split(`## ${heading}\n`)[1]?.split('\n## ')[0] ?? '';
  return Array.from(section.matchAll(/^\| `([^`]+)` \| ([^|]+) \|/gm), ([, name = '', reason = '']) => [
    name,
    reason.trim(),
  ]);
}

it.each([
  ['With the package', dependencies],
  ['For development', devDependencies],
])('%s: all dependencies are listed, with a reason, and no others', (heading, installed) => {
  const found = listed(heading);
  expect(found.map(([name]) => name)).toEqual(Object.keys(installed));
  for (const [name, reason] of found) expect(reason.length, name).toBeGreaterThan(5);
});
