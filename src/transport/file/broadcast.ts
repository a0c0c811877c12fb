import { mkdir, readdir, rename, stat, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { topicName } from '../../message/names.ts';
import { TransportError } from '../errors.ts';
import { expectAtMost, halfPair, tooLarge } from '../refusals.ts';
import type { Broadcast, Notice, SendOutcome } from '../transport.ts';
import type { Directory } from './directory.ts';
import type { Namer } from './entry-name.ts';
import { closedError, codeOf, ifThere, transportError } from './errors.ts';
import { expectFolder } from './folders.ts';
import { frame } from './frame.ts';
import type { Limiter } from './limiter.ts';
import { LIMITS } from './limits.ts';
import { type FolderListening, KEEP_MS, listenIn, removeOld } from './listen.ts';

export interface BroadcastOptions {
  readonly directory: Directory;
  readonly namer: Namer;
  readonly limiter: Limiter;
}

/** {@link Broadcast} that ends: nobody is told anything any more. */
export interface FileBroadcast extends Broadcast {
  close(): void;
}

/**
 * Notices are files in a folder of the topic, `.broadcast`, that stay for a moment. Who listens is told of them as they
 * come; who begins to listen does not hear those that are there.
 */
export function createBroadcast({ directory, namer, limiter }: BroadcastOptions): FileBroadcast {
  const listeners = new Set<FolderListening>();
  const removing = new Map<string, NodeJS.Timeout>();
  /** What was said last of each topic: calls that are under way together are told one after the other. */
  const told = new Map<string, Promise<unknown>>();
  let closed = false;

  /** Made by whoever comes first: it need not stand in the topology. */
  async function folderOf(topic: string): Promise<string> {
    try {
      topicName(topic);
    } catch (error) {
      throw new TransportError('Invalid', error instanceof Error ? error.message : String(error));
    }
    const { base, own } = directory.topicFolders(topic);
    if ((await ifThere(stat(base))) === undefined) {
      throw new TransportError('NotFound', `${base} is not there: create it with hikyaku provision`);
    }
    const folder = join(own, '.broadcast');
    for (const path of [own, folder]) {
      try {
        await mkdir(path);
      } catch (error) {
        if (codeOf(error) !== 'EEXIST') throw error;
      }
      await expectFolder({ topic, subscription: '.broadcast' }, path);
    }
    return folder;
  }

  /** One after the other: in this order they are told. */
  async function showAll(
    folder: string,
    written: readonly (string | TransportError)[],
  ): Promise<SendOutcome[]> {
    const outcomes: SendOutcome[] = [];
    for (const stem of written) {
      outcomes.push(stem instanceof TransportError ? { error: stem } : await show(folder, stem));
    }
    return outcomes;
  }

  async function write(
    topic: string,
    notices: readonly Notice[],
  ): Promise<{ folder: string; written: (string | TransportError)[] }> {
    const stems = notices.map(() => namer.stem());
    let folder: string;
    try {
      folder = await folderOf(topic);
    } catch (error) {
      throw transportError(error, directory.topicFolders(topic).own);
    }
    const written = await Promise.all(
      notices.map(async (notice, place): Promise<string | TransportError> => {
        const refused = tooLarge(notice, LIMITS.messageBytes, 'notice') ?? halfPair(notice.body, 'notice');
        if (refused !== undefined) return refused;
        const stem = stems[place] ?? '';
        try {
          await limiter(() => put(folder, stem, notice, topic));
          return stem;
        } catch (error) {
          return transportError(error, folder);
        }
      }),
    );
    return { folder, written };
  }

  async function put(folder: string, stem: string, notice: Notice, topic: string): Promise<void> {
    const temporary = join(folder, `.${stem}`);
    try {
      await writeFile(temporary, frame.encode(notice, { topic, now: Date.now() }), { flag: 'wx' });
    } catch (error) {
      await unlink(temporary).catch(() => undefined);
      throw error;
    }
  }

  /** When the last of them is old enough. Who ends before leaves that to the next, and to those who listen. */
  function removeLater(folder: string): void {
    clearTimeout(removing.get(folder));
    const timer = setTimeout(() => {
      removing.delete(folder);
      void tidy(folder);
    }, KEEP_MS + 1_000);
    removing.set(folder, timer.unref());
  }

  return {
    async notify(topic, notices) {
      expectAtMost(LIMITS.sendEntries, notices.length, 'notices');
      const before = told.get(topic);
      const saying = write(topic, notices).then(async ({ folder, written }) => {
        await before?.catch(() => undefined);
        return { folder, outcomes: await showAll(folder, written) };
      });
      told.set(topic, saying);
      const { folder, outcomes } = await saying;
      if (!removing.has(folder)) await tidy(folder);
      removeLater(folder);
      return outcomes;
    },

    async listen(topic, told) {
      try {
        const listening = await listenIn(() => folderOf(topic), told);
        // It may have been closed meanwhile.
        if (closed) {
          listening.end();
          throw closedError();
        }
        listeners.add(listening);
        return {
          async close() {
            listeners.delete(listening);
            listening.end();
          },
        };
      } catch (error) {
        throw transportError(error, directory.topicFolders(topic).own);
      }
    },

    close() {
      closed = true;
      for (const listening of listeners) listening.end();
      listeners.clear();
      for (const timer of removing.values()) clearTimeout(timer);
      removing.clear();
    },
  };
}

/** What was said is said, whether or not this can be done. */
async function tidy(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  await removeOld(folder, names);
}

async function show(folder: string, stem: string): Promise<SendOutcome> {
  try {
    await rename(join(folder, `.${stem}`), join(folder, stem));
    return 'accepted';
  } catch (error) {
    await unlink(join(folder, `.${stem}`)).catch(() => undefined);
    return { error: transportError(error, folder) };
  }
}
