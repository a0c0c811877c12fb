import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer, type TLSSocket } from 'node:tls';
import { inject } from 'vitest';
import { functions, send } from './aws.ts';

/** A server of this process, as functions reach it. */
export interface Reachable {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * The URL by which functions reach a server on the loopback interface. That same, where they are processes of this
 * machine; where they call it by a name, the TLS that platforms must have stands between.
 */
export async function reachable(loopback: string): Promise<Reachable> {
  const host = inject('testHost');
  if (host === '') return { url: loopback, stop: async () => undefined };
  const url = new URL(loopback);
  const port = Number(url.port);
  const open = new Set<TLSSocket>();
  const server = createServer(certificate(), (outside) => {
    const inside = connect(port, '127.0.0.1');
    open.add(outside);
    outside.once('close', () => open.delete(outside));
    outside.pipe(inside).pipe(outside);
    for (const [one, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      one.once('error', () => other.destroy());
      one.once('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, resolve));
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no port is free');
  const authority = `${url.password === '' ? '' : `:${url.password}@`}${host}:${address.port}`;
  return {
    url: `${url.protocol.replace(':', 's:')}//${authority}`,
    async stop() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Has the deployed functions take the certificates of this process, which nobody has signed. */
export async function trustTests(): Promise<void> {
  if (inject('testHost') === '') return;
  for (const { FunctionName, Environment } of await functions()) {
    const Variables = { ...Environment?.Variables, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    const { status, body } = await send('lambda', {
      method: 'PUT',
      path: `/2015-03-31/functions/${FunctionName}/configuration`,
      body: JSON.stringify({ Environment: { Variables } }),
    });
    if (status !== 200) throw new Error(`${FunctionName} was not changed: ${body}`);
  }
}

function certificate(): { readonly key: Buffer; readonly cert: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), 'hikyaku-certificate-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  try {
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'],
        ...['-days', '2', '-subj', '/CN=hikyaku-tests', '-keyout', key, '-out', cert],
      ],
      { stdio: 'ignore' },
    );
    return { key: readFileSync(key), cert: readFileSync(cert) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
