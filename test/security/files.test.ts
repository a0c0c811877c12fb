import { link, mkdir, mkdtemp, readdir, readFile, rm, symlink, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { TransportError } from '../../src/transport/errors.ts';
import { createFileTransport } from '../../src/transport/file/file.ts';
import { anyText, FUZZ_TIMEOUT, fuzz, mutated, nastyJson } from '../support/fuzz.ts';

const ADDRESS = { topic: 'reports', subscription: 'judge' };
const TOPOLOGY = {
  prefix: 'hikyaku',
  topics: [{ name: 'reports', subscriptions: [{ name: 'judge', leaseMs: 30_000, maxDeliveries: 10 }] }],
};

const content = fc.oneof(
  fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
  fc.oneof(anyText, nastyJson).map((text) => Buffer.from(text)),
  mutated(fc.constant('{"hikyaku":1,"id":"m","key":"k","headers":{"a":"b"},"bytes":7}\n{"n":1}')).map(
    (text) => Buffer.from(text),
  ),
);

/** What a file may be called: any bytes but a slash and nothing. */
const name = fc
  .oneof(
    fc.uint8Array({ minLength: 1, maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
    fc
      .oneof(anyText, mutated(fc.constant('1700000000000+30000.2.0123456789-a1~report.json')))
      .map((text) => Buffer.from(text)),
    fc
      .constantFrom('-rf', '~', '%2e%2e', '..\\..', 'a\nb', '.hidden', 'x.tmp', 'con', 'a'.repeat(255))
      .map((text) => Buffer.from(text)),
  )
  .map((bytes) => bytes.filter((byte) => byte !== 0 && byte !== 0x2f))
  .map((bytes) => Buffer.from(bytes.length > 255 ? bytes.subarray(0, 255) : bytes))
  .filter((bytes) => bytes.length > 0 && !['.', '..'].includes(bytes.toString()));

interface Put {
  readonly name: Buffer;
  readonly content: Buffer;
  readonly as: 'file' | 'folder' | 'link out' | 'link to nothing';
}

const puts: fc.Arbitrary<Put[]> = fc.array(
  fc.record({
    name,
    content,
    as: fc.oneof(
      { weight: 6, arbitrary: fc.constant('file' as const) },
      fc.constantFrom('folder', 'link out', 'link to nothing'),
    ),
  }),
  { maxLength: 4 },
);

it(
  'whatever others put into new, nothing outside is read, written or removed, and all that is a file is handed over once',
  async () => {
    const outside = await mkdtemp(join(tmpdir(), 'hikyaku-fuzz-'));
    onTestFinished(() => rm(outside, { recursive: true, force: true }));
    const canary = join(outside, 'canary');
    await writeFile(canary, 'canary-4711-canary');
    let count = 0;

    await fuzz(
      fc.asyncProperty(puts, async (all) => {
        const base = join(outside, `${count++}`);
        const root = join(base, 'root');
        const transport = createFileTransport(TOPOLOGY, { root, layout: 'nested', retentionMs: 0 });
        try {
          await transport.provision();
          const ready = join(root, 'reports', 'judge', 'new');
          const readable = new Set<string>();
          for (const { name, content, as } of all) {
            const path = Buffer.concat([Buffer.from(`${ready}/`), name]);
            try {
              if (as === 'folder') await mkdir(path);
              else if (as === 'link out') await symlink(canary, path);
              else if (as === 'link to nothing') await symlink('../../../../nothing', path);
              // Moved there, as other programs should.
              else await put(base, content, path);
            } catch {
              // The file system has no such name, or has it already.
              continue;
            }
            const text = name.toString();
            const isSeen = Buffer.from(text).equals(name) && !text.startsWith('.') && !text.endsWith('.tmp');
            if (as === 'file' && isSeen) readable.add(text);
          }
          const received: string[] = [];
          const deadline = performance.now() + 15_000;
          while (received.length < readable.size && performance.now() < deadline) {
            const incoming = await transport.receive(ADDRESS, { max: 10, waitMs: 200, leaseMs: 30_000 });
            for (const { body } of incoming) expect(body).not.toContain('canary-4711');
            received.push(...incoming.map(({ id }) => id));
            const outcomes = await transport.settle(
              ADDRESS,
              incoming.map(({ receipt, headers }, index) =>
                index % 2 ? { receipt, action: 'ack' } : { receipt, action: 'deadLetter', headers },
              ),
            );
            expect(outcomes.every((outcome) => outcome === 'settled')).toBe(true);
          }
          expect(received).toHaveLength(readable.size);
          const letters = await transport.deadLetters.scan(ADDRESS, { max: 10, leaseMs: 1_000 });
          for (const { body } of letters) expect(body).not.toContain('canary-4711');
        } catch (error) {
          if (!(error instanceof TransportError)) throw error;
          expect(error.message).toBe('no error is expected here');
        } finally {
          await transport.close();
          expect((await readdir(base)).filter((one) => one !== 'root')).toEqual([]);
          await rm(base, { recursive: true, force: true });
        }
        expect(await readFile(canary, 'utf8')).toBe('canary-4711-canary');
        expect(await readdir(outside)).toEqual(['canary']);
      }),
      15,
      1_000,
    );
  },
  FUZZ_TIMEOUT,
);

async function put(base: string, content: Buffer, path: Buffer): Promise<void> {
  const temporary = join(base, 'being-written');
  await writeFile(temporary, content);
  try {
    await link(temporary, path);
  } finally {
    await unlink(temporary);
  }
}
