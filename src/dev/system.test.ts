import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import config from '../../hikyaku.config.ts';
import { startCli } from '../../test/support/cli.ts';
import { startSystem } from './system.ts';

/** How many sockets this process listens on. */
const servers = () => process.getActiveResourcesInfo().filter((kind) => kind === 'TCPServerWrap').length;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'hikyaku-system-'));
  mkdirSync(join(folder, 'lambdas'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('names the function that cannot be loaded, and leaves nothing running', async () => {
  writeFileSync(join(folder, 'lambdas/emit-model.ts'), 'export const wrong = 1;\n');
  const before = servers();
  const started = startSystem({
    config,
    folder,
    queuesFolder: join(folder, 'queues'),
    deployedFolder: join(folder, 'deployed'),
    platform: {
      file: join(folder, 'p'),
      busy: { model_name: '', model_version: '', until: '' },
      refuses: { model_name: '' },
    },
    onError: () => {},
  });
  await expect(started).rejects.toThrow(
    /lambdas\/emit-model\.ts: expected it to export a function named handler/,
  );
  await vi.waitFor(() => expect(servers()).toBe(before));
});

it('ends a command that cannot start, instead of hanging', async () => {
  const command = startCli(['dev', '--once'], { HIKYAKU_DIR: join(folder, 'file-in-the-way') });
  writeFileSync(join(folder, 'file-in-the-way'), '');
  expect(await command.exit).toBe(2);
  expect(command.stderr()).toMatch(
    /file-in-the-way cannot hold its state: .*set HIKYAKU_DIR to another folder/,
  );
});

it('ends in a terminal too when it cannot start, and takes its progress line away', async () => {
  // The queues' folder cannot be made: the emulator fails, after the account has begun to draw.
  writeFileSync(join(folder, 'queues'), '');
  const command = startCli(['dev', '--once'], {
    HIKYAKU_DIR: folder,
    NODE_OPTIONS: '--import=data:text/javascript,process.stdout.isTTY=true',
  });
  expect(await command.exit).toBe(1);
  expect(command.stdout().endsWith('\r\u001B[2K')).toBe(true);
});

it('takes an empty project for what it is', async () => {
  writeFileSync(join(folder, 'hikyaku.config.mjs'), 'export default { prefix: "p", topics: [] };');
  const command = startCli(['dev', '--once'], { HIKYAKU_DIR: join(folder, 'state') }, folder);
  expect(await command.exit).toBe(2);
  expect(command.stderr()).toMatch(/lambdas\/emit-model\.ts is not there: expected the source of a function/);
});
