import { join } from 'node:path';
import { TransportError } from '../errors.ts';
import { checkNames } from '../names.ts';
import { noSubscription } from '../refusals.ts';
import type { Address, Topology } from '../transport.ts';
import type { FileOptions } from './options.ts';

/** A subscription, as the file system has it. */
export interface Place {
  readonly topic: string;
  readonly subscription: string;
  /** The folders from the root down to its own, which holds the others. */
  readonly above: readonly string[];
  readonly folders: Folders;
  /** After so many deliveries one that ends without an answer is the last. */
  readonly maxDeliveries: number;
}

/** Absolute paths. A file is in one of them at a time. */
export interface Folders {
  /** Ready, in the order of names. Other programs put their files here. */
  readonly ready: string;
  readonly inflight: string;
  readonly delayed: string;
  readonly archive: string;
  readonly dead: string;
  /** What is being written. */
  readonly temporary: string;
}

export interface Directory {
  readonly places: readonly Place[];
  /** Where a topic's folders are, whether the topology names it or not. */
  topicFolders(topic: string): { readonly base: string; readonly own: string };
  ofTopic(topic: string): readonly Place[];
  at(address: Address): Place;
}

/**
 * Throws InvalidName for a topology whose names do not fit, TransportError `Unsupported` for one that the layout
 * cannot hold.
 */
export function createDirectory(topology: Topology, { root, prefix, layout }: FileOptions): Directory {
  const top = prefix === undefined ? [root] : [root, join(root, prefix)];
  const base = top.at(-1) ?? root;
  checkNames(topology);
  const topics = new Map<string, readonly Place[]>(
    topology.topics.map(({ name, subscriptions }) => {
      if (layout === 'flat' && subscriptions.length > 1) throw severalInOne(name, subscriptions.length);
      const folder = join(base, name);
      return [
        name,
        subscriptions.map((subscription) => {
          const own = layout === 'flat' ? folder : join(folder, subscription.name);
          const above = layout === 'flat' ? [...top, own] : [...top, folder, own];
          const { name: called, maxDeliveries } = subscription;
          return { topic: name, subscription: called, above, folders: foldersIn(own), maxDeliveries };
        }),
      ];
    }),
  );

  function ofTopic(name: string): readonly Place[] {
    const places = topics.get(name);
    if (places === undefined || places.length === 0) {
      throw new TransportError('NotFound', `topic ${name} has no subscription`);
    }
    return places;
  }

  return {
    places: [...topics.values()].flat(),
    topicFolders: (topic) => ({ base, own: join(base, topic) }),
    ofTopic,
    at({ topic, subscription }) {
      const place = ofTopic(topic).find((one) => one.subscription === subscription);
      if (place === undefined) {
        throw noSubscription(topic, subscription);
      }
      return place;
    },
  };
}

function foldersIn(own: string): Folders {
  return {
    ready: join(own, 'new'),
    inflight: join(own, 'inflight'),
    delayed: join(own, 'delayed'),
    archive: join(own, 'archive'),
    dead: join(own, 'dead'),
    temporary: join(own, '.tmp'),
  };
}

function severalInOne(topic: string, count: number): TransportError {
  return new TransportError(
    'Unsupported',
    `topic ${topic} has ${count} subscriptions, and layout=flat has folders for one: leave out the layout`,
  );
}
