import { expect, it, onTestFinished } from 'vitest';
import { startValkey, WITHOUT_VALKEY } from '../support/redis.ts';
import { describeRedisStreams } from './redis-streams.ts';

if (WITHOUT_VALKEY === undefined) {
  it('runs on Valkey, not on Redis', async () => {
    const server = await startValkey();
    onTestFinished(() => server.stop());
    expect(await server.admin.info('server')).toMatch(/^server_name:valkey/m);
  });
  describeRedisStreams('redis on Valkey', startValkey);
} else {
  it('the redis transport on Valkey', ({ skip }) => skip(WITHOUT_VALKEY));
}
