import type { Report } from './entry.ts';

/** Lines of JSON to the ledger. It answers a report with its number once it is written, and a watch with entries. */
export type FromClient =
  | { readonly hello: string }
  | { readonly watch: true }
  | { readonly seq: number; readonly report: Report };
