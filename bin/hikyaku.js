#!/usr/bin/env node
// Plain JavaScript, so that an old Node can still say what is missing.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const OLDEST = 24;
const own = (/** @type {string} */ path) => fileURLToPath(new URL(path, import.meta.url));
const source = own('../src/cli/main.ts');
const main = existsSync(source) ? source : own('../dist/cli/main.js');

if (Number.parseInt(process.versions.node, 10) >= OLDEST) {
  await import(main);
} else {
  const bundled = own('../node_modules/node/bin/node');
  if (existsSync(bundled)) {
    const child = spawn(bundled, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
    child.on('exit', (code) => process.exit(code ?? 1));
  } else {
    console.error(
      `Hikyaku needs Node ${OLDEST} or newer, and this is ${process.version}: install it, or run "npm ci" without --ignore-scripts, which brings it along.`,
    );
    process.exit(1);
  }
}
