import { ConsoleLogger, Logger } from '@nestjs/common';
import type { ClaimedToken } from '../queue/claimed-token.js';
import { WorkerMetrics } from '../metrics/worker-metrics.js';
import { ClaimDemand } from './claim-demand.js';
import { DatabaseErrors } from './database-errors.js';
import { HostLimits } from './host-limits.js';
import { HostMembership } from './host-membership.js';
import type { HostState } from './host-workers.js';
import { Hosts } from './hosts.js';
import { TokenBuffer } from './token-buffer.js';

const token = (host: string) => ({ host, hostLimit: 8, priority: 2, items: [] }) as unknown as ClaimedToken;
const settle = () => vi.advanceTimersByTimeAsync(0);

/** A running loop, whose heartbeats return these states. */
function aMembership(states: Partial<HostState>[] | 'refused') {
  const heartbeats: string[][] = [];
  const released: ClaimedToken[] = [];
  const errors: unknown[] = [];
  const hosts = new Hosts();
  const limits = new HostLimits(hosts, 256);
  const buffer = new TokenBuffer(hosts, limits);
  const metrics = new WorkerMetrics();
  const database = new DatabaseErrors(metrics, (error) => errors.push(error));
  const membership = new HostMembership(
    {
      hostWorkers: {
        heartbeat: async (usages) => {
          heartbeats.push(usages.map(({ host }) => host));
          if (states === 'refused') throw new Error('refused');
          return states.map((state) => ({ host: 'a.example', share: 4, cooldownSeconds: 0, ...state }));
        },
        leave: async () => {},
      },
      hosts,
      limits,
      buffer,
      demand: new ClaimDemand(hosts, limits, buffer),
      releaser: { release: (tokens) => released.push(...tokens) },
      database,
    },
    () => {},
  );
  const loop = new AbortController();
  const ended = membership.run(loop.signal);
  const claim = async (...names: string[]) => {
    buffer.add(names.map(token), performance.now());
    membership.wake();
    await settle();
  };
  return { membership, heartbeats, released, errors, buffer, limits, loop, ended, claim };
}

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => Logger.overrideLogger(new ConsoleLogger()));

it('a heartbeat is sent at once for a new host, and then once a second while the host is in use', async () => {
  const { heartbeats, buffer, claim } = aMembership([{}]);
  await vi.advanceTimersByTimeAsync(5000);
  const unused = heartbeats.length;
  await claim('a.example', 'a.example');
  const first = heartbeats.length;
  await vi.advanceTimersByTimeAsync(3000);
  const inUse = heartbeats.length;
  buffer.dropAll();
  await vi.advanceTimersByTimeAsync(5000);

  expect([unused, first, inUse, heartbeats.length]).toEqual([0, 1, 4, 4]);
});

it('another new host does not wait for the next second', async () => {
  const { heartbeats, claim } = aMembership([{}, { host: 'b.example' }]);
  await claim('a.example');
  await vi.advanceTimersByTimeAsync(100);
  await claim('b.example');

  expect(heartbeats).toEqual([['a.example'], ['a.example', 'b.example']]);
});

it('a share lets tokens start; a heartbeat that fails does not, and is repeated a second later', async () => {
  const sharing = aMembership([{ share: 1 }]);
  await sharing.claim('a.example', 'a.example');
  const refused = aMembership('refused');
  await refused.claim('a.example');
  await vi.advanceTimersByTimeAsync(1000);

  expect([sharing.buffer.take(0)?.token.host, sharing.buffer.take(0)]).toEqual(['a.example', null]);
  expect([refused.buffer.take(0), refused.errors.length, refused.heartbeats.length]).toEqual([null, 2, 2]);
});

it.each([
  ['in cooldown', { cooldownSeconds: 3 }],
  ['whose limit other workers use up', { share: 0 }],
])('the buffered tokens of a host %s are released', async (_, state) => {
  const { released, buffer, claim } = aMembership([state]);
  await claim('a.example', 'a.example');

  expect([released.length, buffer.count]).toEqual([2, 0]);
});

it('a worker that leaves starts no further token, and its loop ends without a timer', async () => {
  const { membership, loop, ended, buffer, claim } = aMembership([{}]);
  await claim('a.example');
  loop.abort();
  await ended;
  await membership.leave();

  expect([buffer.take(0), vi.getTimerCount()]).toEqual([null, 0]);
});
