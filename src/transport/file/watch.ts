import { type FSWatcher, watch } from 'node:fs';
import { basename } from 'node:path';

export interface Told {
  /** A name came, or went. */
  onName(name: string): void;
  /** What has this name was written to. */
  onWritten(name: string): void;
  /** Nothing more will be told. */
  onEnd(): void;
}

/**
 * Has the system tell what happens in a folder, at no cost while nothing does. Undefined when it cannot: there are only
 * so many watches (`fs.inotify.max_user_watches`), and some file systems have none.
 */
export function watchFolder(folder: string, { onName, onWritten, onEnd }: Told): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, (kind, name) => {
      if (name === null) return;
      // The folder itself has gone; a file by its name costs no more than another look.
      if (kind === 'rename' && name === basename(folder)) onEnd();
      if (kind === 'rename') onName(name);
      else onWritten(name);
    });
    watcher.once('error', () => {
      watcher.close();
      onEnd();
    });
    return watcher;
  } catch {
    return undefined;
  }
}
