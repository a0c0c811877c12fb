import { it } from 'vitest';
import { startValkey, WITHOUT_VALKEY } from '../support/redis.ts';
import { describeRedisList } from './redis-list.ts';

if (WITHOUT_VALKEY === undefined) {
  describeRedisList('redis+list on Valkey', startValkey);
} else {
  it('the redis+list transport on Valkey', ({ skip }) => skip(WITHOUT_VALKEY));
}
