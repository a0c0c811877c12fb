import { asTransportError, TransportError } from '../errors.ts';
import type { Caller, Line } from './connection.ts';
import { closedError, redirected } from './errors.ts';
import { list } from './replies.ts';
import { addressOf, type Server } from './server.ts';
import type { Node } from './server-options.ts';

/** A node, and the socket to it. */
interface Member {
  readonly node: Node;
  readonly line: Line;
  underWay: number;
}

/** How often one call is sent on: to a topic that has moved, or is moving. */
const REDIRECTIONS = 5;
/** In ms. Who has found no node by then says so; one that drops packets takes 5 s. */
const PATIENCE = 10_000;

/**
 * Sends what is about a key to the node that has it: one socket to each such node. Which one, the nodes say themselves: who
 * asks another one is sent on (`MOVED`). So nothing is to be known of slots, and no right is needed to ask.
 *
 * @param seeds Of the nodes, some to begin with: at least one.
 */
export function createCluster(seeds: readonly Node[], open: (node: Node) => Line): Line {
  const place = `the Redis cluster at ${seeds.map(addressOf).join(', ')}`;
  const members = new Map<string, Member>();
  /** Who has what, by hash tag; by none, whoever answers. */
  const homes = new Map<string | undefined, Member>();
  const finding = new Map<string | undefined, Promise<Member>>();
  /** Who may be asked where something is. Those that did not answer come last. */
  let known: readonly Node[] = seeds;
  let closed = false;

  function memberAt(node: Node): Member {
    const address = addressOf(node);
    const member = members.get(address) ?? { node, line: open(node), underWay: 0 };
    members.set(address, member);
    return member;
  }

  /** Gives up the socket to a node that has nothing of ours. */
  function tidy(member: Member): void {
    if (member.underWay > 0 || homes.values().some((home) => home === member)) return;
    member.line.close();
    const address = addressOf(member.node);
    if (members.get(address) === member) members.delete(address);
  }

  async function use<Answer>(member: Member, work: (line: Line) => Promise<Answer>): Promise<Answer> {
    member.underWay++;
    try {
      return await work(member.line);
    } finally {
      member.underWay--;
      tidy(member);
    }
  }

  function homeOf(key: string | undefined): Promise<Member> | Member {
    const tag = tagOf(key);
    const home = homes.get(tag) ?? finding.get(tag);
    if (home !== undefined) return home;
    const found = find(key)
      .then((node) => {
        if (closed) throw closedError();
        const member = memberAt(node);
        homes.set(tag, member);
        return member;
      })
      .finally(() => finding.delete(tag));
    finding.set(tag, found);
    return found;
  }

  /** Asks one after the other, until one answers. */
  async function find(key: string | undefined): Promise<Node> {
    const until = performance.now() + PATIENCE;
    let problem: TransportError | undefined;
    for (const node of known) {
      if (closed) throw closedError();
      try {
        return await use(memberAt(node), (line) => whereIs(key, node, line));
      } catch (error) {
        problem = asTransportError(error);
        if (problem.code !== 'Unavailable') throw problem;
        known = [...known.filter((other) => addressOf(other) !== addressOf(node)), node];
        if (performance.now() > until) break;
      }
    }
    throw new TransportError('Unavailable', `${place} does not answer: ${problem?.message}`, {
      cause: problem,
    });
  }

  /** Where this node says that the key is. */
  async function whereIs(key: string | undefined, node: Node, line: Line): Promise<Node> {
    if (key === undefined) return (await line.server()).node;
    try {
      await line.ask(async (client) => {
        // Not everybody may ask that: who knows only the nodes of the URL needs them to be there.
        const slots = client
          .call('CLUSTER', 'SLOTS')
          .then((reply) => remember(list(reply), node))
          .catch(() => undefined);
        await client.call('EXISTS', key);
        await slots;
      });
      return node;
    } catch (error) {
      const { cause } = asTransportError(error);
      // While it is moved, it is still this node's.
      if (redirected(cause, 'ASK', node)) return node;
      const moved = redirected(cause, 'MOVED', node);
      if (moved) return moved;
      throw error;
    }
  }

  /** Takes note of all nodes, replicas too: they know their way when a master is down. */
  function remember(slots: readonly unknown[], from: Node): void {
    // First who is there.
    const found = new Map([from, ...seeds].map((node) => [addressOf(node), node]));
    for (const range of slots) {
      for (const one of list(range).slice(2)) {
        const [host, port] = list(one);
        const node = { host: typeof host === 'string' && host !== '' ? host : from.host, port: Number(port) };
        found.set(addressOf(node), node);
      }
    }
    known = [...found.values()];
  }

  /** Works where the key is; sent on, it works there. What has been sent on has done nothing. */
  async function follow<Answer>(
    key: string | undefined,
    work: (line: Line, asking: boolean) => Promise<Answer>,
  ): Promise<Answer> {
    const tag = tagOf(key);
    let problem: TransportError | undefined;
    let asked: Member | undefined;
    for (let sent = 0; sent <= REDIRECTIONS; sent++) {
      if (closed) throw closedError();
      const member: Member = asked ?? (await homeOf(key));
      const asking = asked !== undefined;
      asked = undefined;
      try {
        return await use(member, (line) => work(line, asking));
      } catch (error) {
        problem = asTransportError(error);
        const ask = redirected(problem.cause, 'ASK', member.node);
        const moved = redirected(problem.cause, 'MOVED', member.node);
        if (ask) {
          asked = memberAt(ask);
        } else if (moved) {
          homes.set(tag, memberAt(moved));
        } else {
          // Somebody else may have it by now.
          if (problem.code === 'Unavailable' && homes.get(tag) === member) homes.delete(tag);
          throw problem;
        }
      } finally {
        tidy(member);
      }
    }
    throw new TransportError('Unavailable', `${place} sends from node to node what is about ${key}`, {
      cause: problem,
    });
  }

  return {
    place,
    ask: (send, key) => follow(key, (line, asking) => line.ask(asking ? askingFirst(send) : send)),
    server: (key): Promise<Server> => follow(key, (line) => line.server()),
    close() {
      closed = true;
      for (const { line } of members.values()) line.close();
    },
  };
}

/** What keys have in common that are always on one node; of a key without, all of it. */
function tagOf(key: string | undefined): string | undefined {
  return key === undefined ? undefined : (/^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? key);
}

/** Each command with leave to ask a node for what it is only about to get. A transaction would answer for that, too. */
function askingFirst<Answer>(send: (client: Caller) => Promise<Answer>): (client: Caller) => Promise<Answer> {
  return (client) => {
    let together = false;
    return send({
      call: (command, ...args) => {
        if (!together) client.call('ASKING').catch(() => undefined);
        together = command === 'MULTI' || (together && command !== 'EXEC');
        return client.call(command, ...args);
      },
    });
  };
}
