import { createHash } from 'node:crypto';

/** A Lua script, and the digest that the server knows it by. */
export interface Script {
  readonly lua: string;
  readonly sha: string;
}

export function defineScript(...parts: readonly string[]): Script {
  const lua = parts.join('\n');
  return { lua, sha: createHash('sha1').update(lua).digest('hex') };
}
