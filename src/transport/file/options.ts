import type { Dialect } from '../dialects/dialect.ts';

/** Where the files are, and how they are used. Durations in ms. */
export interface FileOptions {
  /** An absolute path. */
  readonly root: string;
  /** A folder in it, which sets this installation apart from others. */
  readonly prefix?: string;
  /** `flat`: the folders of a topic's one subscription stand in the topic's own. */
  readonly layout: 'nested' | 'flat';
  /** How old handled messages get in `archive`; 0: removed at once. */
  readonly retentionMs: number;
  /** What a message's file looks like. Default: a line of JSON headers, and the body. */
  readonly dialect?: Dialect<string>;
  /** What files are called that programs read which are not ours. Another may have the name already. */
  readonly nameOf?: (now: number) => string;
  /** What is added to the name of what could not be read, of which a copy is kept in `archive`. Default: none is. */
  readonly unreadSuffix?: string;
}
