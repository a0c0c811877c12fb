import { inspect } from 'node:util';
import { expect, it } from 'vitest';
import { TransportError } from '../errors.ts';
import { connectError, isMissingGroup, isUnblocked, redirected, transportError } from './errors.ts';

it.each([
  ['WRONGPASS invalid username-password pair or user is disabled.', 'Denied'],
  ['NOAUTH Authentication required.', 'Denied'],
  ["NOPERM this user has no permissions to run the 'xadd' command", 'Denied'],
  ["ERR The user executing the script can't run this command or subcommand", 'Denied'],
  ["ERR The user executing the script can't access at least one of the keys mentioned", 'Denied'],
  ['self-signed certificate in certificate chain', 'Denied'],
  ['LOADING Redis is loading the dataset in memory', 'Unavailable'],
  ["READONLY You can't write against a read only replica.", 'Unavailable'],
  ['ERR max number of clients reached', 'Unavailable'],
  ['MISCONF Errors writing to the AOF file: No space left on device', 'Unavailable'],
  ['CLUSTERDOWN The cluster is down', 'Unavailable'],
  ["MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", 'Unavailable'],
  ['BUSY Redis is busy running a script.', 'Unavailable'],
  ['connect ECONNREFUSED 127.0.0.1:6379', 'Unavailable'],
  ['Connection is closed.', 'Unavailable'],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'Throttled'],
  ['WRONGTYPE Operation against a key holding the wrong kind of value', 'Invalid'],
  ["CROSSSLOT Keys in request don't hash to the same slot", 'Invalid'],
  ["ERR unknown command 'XAUTOCLAIM'", 'Unsupported'],
  ['MOVED 3999 127.0.0.1:6381', 'Unsupported'],
  ['ERR SELECT is not allowed in cluster mode', 'Invalid'],
  ['UNBLOCKED force unblock from blocking operation, instance state changed', 'Unavailable'],
])('%s is %s', (text, code) => {
  const cause = new Error(text);
  const error = transportError(cause, 'Redis at there');
  expect(error).toMatchObject({ code, cause, message: expect.stringContaining('Redis at there') });
  expect(error.retryable).toBe(code === 'Unavailable' || code === 'Throttled');
});

it('keeps to what the server says, without the script that it ran', () => {
  const said =
    'WRONGTYPE wrong kind of value script: f41a7094dc4829f9a6bdcf38d9b9a0d3e4b8a4c1, on @user_script:12.';
  expect(transportError(new Error(said), 'Redis').message).toBe(
    'Redis answered: WRONGTYPE wrong kind of value; another program uses a key of this prefix: delete the key, or set another prefix',
  );
});

it('passes on what is one already, and takes anything else', () => {
  const error = new TransportError('Closed', 'closed');
  expect(transportError(error, 'Redis')).toBe(error);
  expect(transportError('thrown', 'Redis')).toMatchObject({ code: 'Unavailable' });
  const withoutText = Object.assign(new AggregateError([], ''), { code: 'ECONNREFUSED' });
  expect(transportError(withoutText, 'Redis').message).toBe('Redis cannot be reached: ECONNREFUSED');
});

it('knows which side may not speak TLS', () => {
  expect(connectError(new Error('Connection is closed.'), 'Redis', false).message).toMatch(
    /use rediss:\/\/$/,
  );
  expect(connectError(new Error('connect ETIMEDOUT'), 'Redis', true).message).toMatch(/use redis:\/\/$/);
  expect(connectError(new Error('WRONGPASS no'), 'Redis', true)).toHaveProperty('code', 'Denied');
});

it('knows missing groups', () => {
  expect(isMissingGroup(new Error("NOGROUP No such key 'x' or consumer group"))).toBe(true);
  expect(isMissingGroup(new Error('ERR no such key'))).toBe(true);
  expect(isMissingGroup(new Error('WRONGTYPE'))).toBe(false);
});

it('knows reads that were ended, which says nothing of groups', () => {
  const ended = new Error('UNBLOCKED the stream key no longer exists');
  expect(isUnblocked(ended)).toBe(true);
  expect(isMissingGroup(ended)).toBe(false);
});

it('knows where it is sent, for good or this once', () => {
  const from = { host: 'here', port: 1 };
  const moved = new Error('MOVED 3999 there.example.com:6381');
  const ask = new Error('ASK 3999 ::1:6381');
  expect(redirected(moved, 'MOVED', from)).toEqual({ host: 'there.example.com', port: 6381 });
  expect(redirected(ask, 'ASK', from)).toEqual({ host: '::1', port: 6381 });
  // It does not know its own address, so it is the same one.
  expect(redirected(new Error('MOVED 3999 :6381'), 'MOVED', from)).toEqual({ host: 'here', port: 6381 });
  for (const [error, kind] of [
    [moved, 'ASK'],
    [ask, 'MOVED'],
    [new Error('ERR no'), 'MOVED'],
    [undefined, 'ASK'],
  ] as const) {
    expect(redirected(error, kind, from)).toBeUndefined();
  }
});

it('does not repeat the password or body that a server repeats of a command that it does not know', () => {
  const said = "ERR unknown command 'HELLO', with args beginning with: '2' 'AUTH' 'default' 'canary'\n";
  const error = transportError(new Error(said), 'Redis at there');
  expect(error).toMatchObject({ code: 'Unsupported' });
  expect(error.message).toContain("ERR unknown command 'HELLO'");
  expect(inspect(error)).not.toContain('canary');
});
