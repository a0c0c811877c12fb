import type { Incoming, Topology, Transport } from '../transport.ts';
import { createArchive } from './archive.ts';
import { createBroadcast } from './broadcast.ts';
import { createDeadLetterQueue } from './dead-letters.ts';
import { depth } from './depth.ts';
import { createDirectory, type Place } from './directory.ts';
import { createNamer } from './entry-name.ts';
import { closedError, transportError } from './errors.ts';
import { checkAccess, checkFolders, createFolderSync, createFolders, sweep } from './folders.ts';
import { frame } from './frame.ts';
import { createLimiter } from './limiter.ts';
import { LIMITS } from './limits.ts';
import type { FileOptions } from './options.ts';
import { createRoom, type Room } from './room.ts';
import { send } from './send.ts';
import { extend, type SettleOptions, settle } from './settle.ts';

/** How many files this process has open at once. */
const OPEN_FILES = 64;

/**
 * Carries messages as files: a folder for each subscription, and in it one for each state that a message can be in.
 * Accepted means written, fsynced, renamed to where it is looked for, and that folder fsynced, for each subscription.
 *
 * Throws InvalidName for a topology whose names do not fit, TransportError `Unsupported` for one that the layout
 * cannot hold.
 */
export function createFileTransport(topology: Topology, options: FileOptions): Transport {
  const { dialect = frame } = options;
  const directory = createDirectory(topology, options);
  const namer = createNamer();
  const limiter = createLimiter(OPEN_FILES);
  const syncFolder = createFolderSync();
  const archive = createArchive(options.retentionMs);
  const rooms = new Map<Place, Room>();
  const roomOf = (place: Place): Room | undefined => rooms.get(place);
  const expected = new Map<Place, Promise<void>>();
  const deadLetters = createDeadLetterQueue({
    directory,
    namer,
    dialect,
    limiter,
    syncFolder,
    roomOf,
    expectFolders,
    ensureOpen,
  });
  const broadcast = createBroadcast({ directory, namer, limiter });
  let closed = false;

  function ensureOpen(): void {
    if (closed) throw closedError();
  }

  /** Looks once whether all is there, and again after it was not. */
  function expectFolders(place: Place): Promise<void> {
    const known = expected.get(place);
    if (known !== undefined) return known;
    const checking = checkFolders(place);
    expected.set(place, checking);
    checking.catch(() => expected.delete(place));
    return checking;
  }

  function settling(place: Place): SettleOptions {
    const { unreadSuffix } = options;
    return { place, namer, dialect, limiter, syncFolder, archive, unreadSuffix, room: rooms.get(place) };
  }

  function roomAt(place: Place): Room {
    const known = rooms.get(place);
    if (known !== undefined) return known;
    const room = createRoom({
      syncFolder,
      place,
      namer,
      dialect,
      limiter,
      giveBack: async (received) => void (await settle(settling(place), received.map(released))),
    });
    rooms.set(place, room);
    return room;
  }

  return {
    name: 'file',
    limits: LIMITS,
    capabilities: new Set(['broadcast']),

    async send(topic, messages) {
      ensureOpen();
      const doubtFolders = (place: Place): void => void expected.delete(place);
      const { nameOf } = options;
      const how = { namer, dialect, limiter, syncFolder, expectFolders, doubtFolders, nameOf, roomOf };
      return send(how, topic, directory.ofTopic(topic), messages);
    },

    async receive(address, request) {
      ensureOpen();
      return roomAt(directory.at(address)).receive(request);
    },

    async settle(address, settlements) {
      ensureOpen();
      return settle(settling(directory.at(address)), settlements);
    },

    async extend(address, receipts, leaseMs) {
      ensureOpen();
      return extend(settling(directory.at(address)), receipts, leaseMs);
    },

    async depth(address) {
      ensureOpen();
      const place = directory.at(address);
      await expectFolders(place);
      try {
        return await depth(place);
      } catch (error) {
        throw transportError(error, place.folders.ready);
      }
    },

    deadLetters,

    broadcast: {
      async notify(topic, notices) {
        ensureOpen();
        return broadcast.notify(topic, notices);
      },
      async listen(topic, told) {
        ensureOpen();
        return broadcast.listen(topic, told);
      },
    },

    async provision() {
      ensureOpen();
      await createFolders(directory.places);
      for (const place of directory.places) {
        await checkFolders(place);
        await sweep(place);
      }
    },

    async verify() {
      ensureOpen();
      for (const place of directory.places) {
        await checkFolders(place);
        await checkAccess(place);
      }
    },

    async close() {
      closed = true;
      broadcast.close();
      for (const room of rooms.values()) room.close();
      await archive.idle();
    },
  };
}

function released({ receipt }: Incoming): { readonly receipt: object; readonly action: 'release' } {
  return { receipt, action: 'release' };
}
