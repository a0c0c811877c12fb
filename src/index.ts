/** What users import. Transports come by URL, each loaded only when it is used. */
export {
  type Broadcaster,
  type BroadcasterOptions,
  createBroadcaster,
  type NotifyOptions,
} from './broadcast/broadcaster.ts';
export type { Listener, ListenOptions, NoticeContext, NoticeHandler } from './broadcast/listener.ts';
export { type Config, defineConfig, InvalidConfig, topic } from './config/define-config.ts';
export { findSubscription } from './config/find.ts';
export {
  createDrain,
  type Drain,
  type DrainOptions,
  type DrainResult,
  InvalidDrainEvent,
} from './consume/drain.ts';
export {
  type Handler,
  type HandlerContext,
  HandlerTimeout,
  LeaseExpired,
  Postpone,
  Reject,
  RetryAfter,
} from './consume/handler.ts';
export {
  type BatchContext,
  type BatchHandler,
  type BatchResult,
  InvalidBatchResult,
  inBatches,
} from './consume/in-batches.ts';
export { lambdaConsumer } from './consume/lambda.ts';
export { lambdaDrain } from './consume/lambda-drain.ts';
export type { RetryPolicy } from './consume/retry-policy.ts';
export { startWorker, type Worker, type WorkerHealth, type WorkerOptions } from './consume/worker.ts';
export { startWorkers, type Workers, type WorkersOptions } from './consume/workers.ts';
export type { Busy, Claim, ClaimOptions, ClaimOutcome, DedupeStore } from './dedupe/dedupe.ts';
export {
  type DeduplicatedContext,
  type DeduplicatedOptions,
  deduplicated,
} from './dedupe/deduplicated.ts';
export { createMemoryDedupeStore } from './dedupe/memory.ts';
export { createRedisDedupeStore, type RedisClient, type RedisDedupeOptions } from './dedupe/redis.ts';
export { type Contract, defineMessage } from './message/contract.ts';
export type { DeadLetterCode, DeadLetterReason, Failure } from './message/dead-letter.ts';
export { type Envelope, InvalidMessage, type Issue } from './message/envelope.ts';
export { deriveId, newId } from './message/id.ts';
export { InvalidName } from './message/names.ts';
export { InvalidSigningKey } from './message/signature.ts';
export { type CourierEvent, observe } from './observe/events.ts';
export { logEvents } from './observe/json-log.ts';
export { createSpy, type Spy } from './observe/spy.ts';
export { type DeadLetterGroup, groupDeadLetters } from './operate/dead-letter-groups.ts';
export {
  type DeadLetterResult,
  type DeadLetterSelection,
  type DeadLetterView,
  listDeadLetters,
  purgeDeadLetters,
  replayDeadLetters,
} from './operate/dead-letters.ts';
export {
  type ConsumerHealth,
  type HealthServer,
  type HealthServerOptions,
  startHealthServer,
} from './operate/health.ts';
export { type ReplayedPage, readHistory, replayHistory } from './operate/history.ts';
export { peek } from './operate/peek.ts';
export { readStatus, type SubscriptionStatus } from './operate/status.ts';
export { type ConsumerView, listConsumers } from './operate/workers.ts';
export {
  createPublisher,
  type Publisher,
  type PublishItem,
  type PublishOptions,
  type PublishOutcome,
} from './publish/publisher.ts';
export {
  type BreakerOptions,
  type BreakerState,
  type BreakingTransport,
  withBreaker,
} from './publish/with-breaker.ts';
export { fixedSecrets, type Secrets, SecretUnavailable } from './secrets/secrets.ts';
export { InvalidSecretSource } from './secrets/secrets-of-arn.ts';
export { signingKeysFrom } from './signing/signing-keys.ts';
export { type ErrorCode, TransportError } from './transport/errors.ts';
export { InvalidTransportUrl, transportUrl } from './transport/schemes.ts';
export type {
  Address,
  ConsumerInfo,
  Depth,
  HistoryMessage,
  HistoryRange,
  Topology,
  Transport,
} from './transport/transport.ts';
export { openTransport } from './transport/url.ts';
