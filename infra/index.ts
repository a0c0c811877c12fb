/** Constructs for people who have a CDK app of their own. */
export type { AlarmThresholds } from '../src/config/deployment.ts';
export { queueNames } from '../src/transport/names.ts';
export { accessRules, type Role } from '../src/transport/redis-streams/access.ts';
export { type AlarmOptions, Alarms, type AlarmsProps } from './constructs/alarms.ts';
export { MessageQueue, type MessageQueueProps } from './constructs/message-queue.ts';
export type { FunctionNetwork, NodeFunctionProps } from './constructs/node-function.ts';
export { RedisConsumer, type RedisConsumerProps } from './constructs/redis-consumer.ts';
export { SqsConsumer, type SqsConsumerProps } from './constructs/sqs-consumer.ts';
export { mayConsume, mayOperate, mayPublish, mayUseKey } from './permissions.ts';
