import { mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';

/** What an operator did to the deployments of a model, whatever the rules say. */
export interface AuditLine {
  readonly action: 'deploy --force';
  readonly by: string;
  readonly reason: string;
  /** The message's. */
  readonly id: string;
  readonly model_name: string;
  readonly model_version: string;
  /** The version that was live before; null if none was. */
  readonly replaced: string | null;
  /** `deployed`, `superseded`, or an error's name. */
  readonly outcome: string;
}

/** A file that lines are only added to. */
export interface Audit {
  write(line: AuditLine): Promise<void>;
  close(): Promise<void>;
}

/** Opens `audit.ndjson` in a folder: who cannot write down what they do must not do it. */
export async function openAudit(folder: string): Promise<Audit> {
  await mkdir(folder, { recursive: true });
  const file = await open(join(folder, 'audit.ndjson'), 'a');
  return {
    async write(line) {
      await file.appendFile(`${JSON.stringify({ at: new Date().toISOString(), ...line })}\n`);
      await file.sync();
    },
    close: () => file.close(),
  };
}
