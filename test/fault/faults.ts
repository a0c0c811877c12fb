import type { Fault } from './fault.ts';
import { allFail } from './faults/all-fail.ts';
import { allFlushed } from './faults/all-flushed.ts';
import { clockStepped } from './faults/clock-stepped.ts';
import { consumerKilled } from './faults/consumer-killed.ts';
import { consumerStopped } from './faults/consumer-stopped.ts';
import { consumerTerminated } from './faults/consumer-terminated.ts';
import { diskFull } from './faults/disk-full.ts';
import { failover, failoverConfirmed } from './faults/failover.ts';
import { drainKilled, functionKilled } from './faults/function-killed.ts';
import { handedOver, handedOverConfirmed } from './faults/handed-over.ts';
import { hostileCarrier } from './faults/hostile-carrier.ts';
import { killerMessage } from './faults/killer-message.ts';
import { manyConnections } from './faults/many-connections.ts';
import { memoryFull } from './faults/memory-full.ts';
import { networkDisturbed } from './faults/network-disturbed.ts';
import { poison } from './faults/poison.ts';
import { powerLostAlways, powerLostEverysec } from './faults/power-lost.ts';
import { producerKilled } from './faults/producer-killed.ts';
import { redisDiskFullAlways, redisDiskFullEverysec } from './faults/redis-disk-full.ts';
import { redisKilledAlways, redisKilledEverysec } from './faults/redis-killed.ts';
import { scriptsForgotten } from './faults/scripts-forgotten.ts';
import { serverClockStepped } from './faults/server-clock-stepped.ts';
import { slotsMoved } from './faults/slots-moved.ts';
import { wrongType } from './faults/wrong-type.ts';

/** All kinds of faults, in the order of the table. */
export const FAULTS: readonly Fault[] = [
  consumerKilled,
  producerKilled,
  redisKilledAlways,
  redisKilledEverysec,
  powerLostAlways,
  powerLostEverysec,
  failover,
  failoverConfirmed,
  handedOver,
  handedOverConfirmed,
  slotsMoved,
  consumerStopped,
  networkDisturbed,
  scriptsForgotten,
  wrongType,
  allFlushed,
  memoryFull,
  diskFull,
  redisDiskFullAlways,
  redisDiskFullEverysec,
  clockStepped,
  serverClockStepped,
  poison,
  killerMessage,
  allFail,
  manyConnections,
  consumerTerminated,
  functionKilled,
  drainKilled,
  hostileCarrier,
];
