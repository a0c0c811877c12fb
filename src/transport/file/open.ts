import { fileURLToPath } from 'node:url';
import { closest } from '../../text/closest.ts';
import { InvalidTransportUrl, quoted, SCHEMES } from '../schemes.ts';
import type { Topology, Transport } from '../transport.ts';
import { duration } from '../url-values.ts';
import { createFileTransport } from './file.ts';
import type { FileOptions } from './options.ts';

/** Opens the transport that a `file:` URL names. `text`: the URL as it was given, for parsing makes any path absolute. */
export function openFile(text: string, url: URL, topology: Topology): Transport {
  return createFileTransport(topology, fileOptions(text, url));
}

const LAYOUTS = ['nested', 'flat'] as const satisfies readonly FileOptions['layout'][];

export function fileOptions(text: string, url: URL): FileOptions {
  const { searchParams: query } = url;
  const prefix = query.get('prefix');
  const layout = query.get('layout') ?? 'nested';
  const known = LAYOUTS.find((one) => one === layout);
  if (known === undefined) {
    throw new InvalidTransportUrl(
      `layout is ${quoted(layout)}${closest(layout, LAYOUTS)}: expected ${LAYOUTS.join(' or ')}`,
    );
  }
  return {
    root: rootOf(text, url),
    ...(prefix !== null && { prefix }),
    layout: known,
    retentionMs: duration('retention', query.get('retention') ?? '0'),
  };
}

function rootOf(text: string, url: URL): string {
  const given = quoted(text.replace(/[?#].*$/s, ''));
  const right = `expected an absolute path after three slashes, ${SCHEMES.file.example}`;
  if (/^\s*file:\/\/[^/]/i.test(text)) {
    throw new InvalidTransportUrl(`${given} names a host, and files are on this machine: ${right}`);
  }
  if (!/^\s*file:\/\/\/[^/?#]/i.test(text) || url.pathname === '/') {
    throw new InvalidTransportUrl(`${given} is not the absolute path of a folder: ${right}`);
  }
  if (url.hash !== '')
    throw new InvalidTransportUrl(`${quoted(url.hash.slice(1))} stands behind a #: write # as %23 in a path`);
  try {
    const root = fileURLToPath(url);
    if (!root.includes('\0')) return root.replace(/(?<=.)[/\\]+$/, '');
  } catch {
    // An encoded slash.
  }
  throw new InvalidTransportUrl(`${given} is not a path: ${right}`);
}
