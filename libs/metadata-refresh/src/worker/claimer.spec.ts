import type { StoredToken } from '@app/token-store';
import { ConsoleLogger, Logger } from '@nestjs/common';
import type { ClaimedToken } from '../queue/claimed-token.js';
import type { HostDemand } from '../queue/host-demand.js';
import type { Claim, RefreshSource } from '../queue/refresh-queue.js';
import { WorkerMetrics } from '../metrics/worker-metrics.js';
import { aClaimedItem, aClaimedToken } from '../queue/claimed-token.fixtures.js';
import { ClaimDemand } from './claim-demand.js';
import { Claimer } from './claimer.js';
import { DatabaseErrors } from './database-errors.js';
import { HostLimits } from './host-limits.js';
import { Hosts } from './hosts.js';
import { RecentCooldowns } from './recent-cooldowns.js';
import { TokenBuffer } from './token-buffer.js';

const token = (host = 'a.example', priority = 2) => aClaimedToken({ host, priority, items: [] });
const aClaim = (claim: Partial<Claim> = {}) =>
  ({
    tokens: [],
    laneIds: [],
    mayHaveLeftLanes: false,
    fullHosts: new Set<string>(),
    hasDeferred: false,
    lostTokens: 0,
    ...claim,
  }) as Claim;
const settle = () => vi.advanceTimersByTimeAsync(0);

/** A running claimer; each claim ends when the test says so. */
function aClaimer() {
  const claims: {
    demand: readonly HostDemand[];
    onlyInteractive: boolean;
    end: (claim: Claim) => Promise<unknown>;
    fail: () => Promise<unknown>;
  }[] = [];
  const released: ClaimedToken[] = [];
  const stored: StoredToken[] = [];
  /** Of refreshes, as the database has them; null: it is away. */
  const refreshes: { sources: Map<string, RefreshSource> | null; reads: string[][] } = {
    sources: new Map(),
    reads: [],
  };
  const completed: ClaimedToken[] = [];
  const completer = {
    add: (of: ClaimedToken) => void completed.push(of),
    isBackpressured: false,
    isInteractiveBackpressured: false,
    pause: 0,
    pauseMs: () => completer.pause,
    limitBulk: (size: number) => size,
  };
  const metrics = new WorkerMetrics();
  const hosts = new Hosts();
  const limits = new HostLimits(hosts, 256);
  const buffer = new TokenBuffer(hosts, limits);
  const cooldowns = new RecentCooldowns(
    async () => {},
    () => {},
  );
  const claimer: Claimer = new Claimer(
    {
      queue: {
        claim: (demand, options) =>
          new Promise((end, fail) =>
            claims.push({
              demand,
              onlyInteractive: options?.onlyInteractive ?? false,
              end: (claim) => (end(claim), settle()),
              fail: () => (fail(new Error('away')), settle()),
            }),
          ),
        findSources: async (refreshIds) => {
          refreshes.reads.push([...refreshIds]);
          if (refreshes.sources === null) throw new Error('away');
          return refreshes.sources;
        },
      },
      store: { findStored: async () => stored },
      fetcher: { prepare: () => {} },
      buffer,
      demand: new ClaimDemand(hosts, limits, buffer),
      cooldowns,
      completer,
      releaser: { release: (tokens) => released.push(...tokens) },
      database: new DatabaseErrors(metrics, () => claimer.cancelPolls()),
      metrics,
      config: { claimBatchSize: 512, leaseSeconds: 30 },
    },
    { onClaimed: () => {}, onEnd: () => {} },
  );
  const loops = new AbortController();
  void claimer.run(loops.signal);
  const poll = () => (claimer.poll(), settle());
  const pollInteractive = () => (claimer.pollInteractive(), settle());
  /** Fetches tokens of a host. */
  const fetch = async (count: number) => {
    for (let one = 0; one < count; one += 1) {
      const { host } = buffer.take(0)!;
      limits.release(host);
      claimer.onFetched(host, performance.now());
    }
    await settle();
  };
  return {
    claimer,
    metrics,
    claims,
    released,
    completed,
    stored,
    refreshes,
    completer,
    hosts,
    limits,
    buffer,
    cooldowns,
    loops,
    poll,
    pollInteractive,
    fetch,
  };
}

beforeAll(() => Logger.overrideLogger(false));
beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});
afterAll(() => Logger.overrideLogger(new ConsoleLogger()));

it('a claim that finds nothing is not repeated until the next poll', async () => {
  const { claims, poll } = aClaimer();
  await poll();
  await claims[0]!.end(aClaim());
  await vi.advanceTimersByTimeAsync(10_000);
  const before = claims.length;
  await poll();

  expect([before, claims.length]).toEqual([1, 2]);
});

it('a token that is in flight for another refresh is claimed a second later, and the round waits for it', async () => {
  const { claimer, claims, poll } = aClaimer();
  await poll();
  await claims[0]!.end(aClaim({ hasDeferred: true }));
  const isWanted = claimer.isClaimWanted;
  await vi.advanceTimersByTimeAsync(900);
  const before = claims.length;
  await vi.advanceTimersByTimeAsync(200);
  await claims[1]!.end(aClaim());

  expect([before, claims.length]).toEqual([1, 2]);
  expect([isWanted, claimer.isClaimWanted]).toEqual([true, false]);
});

it('a token that is deferred while the worker waits for another one is claimed a second later as well, and the round waits for both', async () => {
  const { claimer, claims, poll } = aClaimer();
  await poll();
  await claims[0]!.end(aClaim({ hasDeferred: true }));
  await vi.advanceTimersByTimeAsync(600);
  await poll();
  await claims[1]!.end(aClaim({ hasDeferred: true }));
  await vi.advanceTimersByTimeAsync(500);
  await claims[2]!.end(aClaim());
  const isWanted = claimer.isClaimWanted;
  await vi.advanceTimersByTimeAsync(500);
  const before = claims.length;
  await vi.advanceTimersByTimeAsync(100);
  await claims[3]?.end(aClaim());

  expect([before, claims.length]).toEqual([3, 4]);
  expect([isWanted, claimer.isClaimWanted]).toEqual([true, false]);
});

describe('coalescing', () => {
  const item = aClaimedItem({ acceptedSeq: '5' });
  const aTokenOf = (url: string) => aClaimedToken({ items: [item], source: { kind: 'metadata_api', url } });
  const storedOf = ({ collectionId, tokenId }: ClaimedToken, last: Partial<StoredToken>): StoredToken => {
    return {
      collectionId,
      tokenId,
      metadataUrl: 'https://a.example',
      etag: null,
      lastModified: null,
      warnings: [],
      ...last,
    };
  };

  it('a token whose last fetch began after the refresh was accepted, from the same source or that of a later refresh, is completed without a fetch', async () => {
    const { claims, completed, stored, refreshes, buffer, poll } = aClaimer();
    refreshes.sources = new Map([
      ['last', { source: { kind: 'metadata_api', url: 'https://a.example' }, acceptedSeq: '3' }],
      ['moved', { source: { url: 'https://a.example/old', kind: 'metadata_api' }, acceptedSeq: '4' }],
      ['later', { source: { kind: 'metadata_api', url: 'https://a.example/new' }, acceptedSeq: '6' }],
    ]);
    const [same, sameMoved, later] = ['', '/old', ''].map((path) => aTokenOf(`https://a.example${path}`));
    const [earlier, otherSource, deleted, failed, untold] = Array.from({ length: 5 }, () =>
      aTokenOf('https://a.example'),
    );
    stored.push(
      storedOf(same!, { lastFetchSeq: '6', lastRefreshId: 'last' }),
      storedOf(sameMoved!, { lastFetchSeq: '6', lastRefreshId: 'moved' }),
      storedOf(later!, { lastFetchSeq: '7', lastRefreshId: 'later' }),
      storedOf(earlier!, { lastFetchSeq: '4', lastRefreshId: 'early' }),
      storedOf(otherSource!, { lastFetchSeq: '6', lastRefreshId: 'moved' }),
      storedOf(deleted!, { lastFetchSeq: '6', lastRefreshId: 'deleted' }),
      storedOf(failed!, { lastFetchSeq: '6', lastRefreshId: null }),
      storedOf(untold!, { lastFetchSeq: '6' }),
    );
    await poll();
    await claims[0]!.end(
      aClaim({ tokens: [same!, sameMoved!, later!, earlier!, otherSource!, deleted!, failed!, untold!] }),
    );

    expect(completed.map(({ tokenId }) => tokenId)).toEqual([same!.tokenId, sameMoved!.tokenId, later!.tokenId]);
    expect(buffer.count).toBe(5);
    expect(refreshes.reads).toEqual([['last', 'moved', 'later', 'deleted']]);
  });

  it('the sources of refreshes are read only if a token may need no fetch', async () => {
    const { claims, stored, refreshes, poll } = aClaimer();
    const early = aTokenOf('https://a.example');
    stored.push(storedOf(early, { lastFetchSeq: '4', lastRefreshId: 'last' }));
    await poll();
    await claims[0]!.end(aClaim({ tokens: [early, token()] }));

    expect(refreshes.reads).toEqual([]);
  });

  it('tokens are fetched if the sources of their last fetches cannot be read', async () => {
    const { claims, completed, stored, refreshes, buffer, poll } = aClaimer();
    const known = aTokenOf('https://a.example');
    refreshes.sources = null;
    stored.push(storedOf(known, { lastFetchSeq: '6', lastRefreshId: 'last' }));
    await poll();
    await claims[0]!.end(aClaim({ tokens: [known] }));

    expect([completed.length, buffer.count]).toEqual([0, 1]);
  });
});

it('claimed tokens are buffered, and more are claimed when half of them have started', async () => {
  const { claims, hosts, limits, buffer, poll, fetch } = aClaimer();
  await poll();
  await claims[0]!.end(
    aClaim({ tokens: Array.from({ length: 40 }, () => token()), fullHosts: new Set(['a.example']) }),
  );
  limits.setShare(hosts.find('a.example')!, 8, 0);
  await fetch(19);
  const before = claims.length;
  await fetch(1);

  expect([before, claims.length, buffer.count]).toEqual([1, 2, 20]);
  expect(claims[1]!.demand).toEqual([{ host: 'a.example', tokens: 20, onlyInteractive: false }]);
});

it('a claim that served its maximum of lanes is followed by another one', async () => {
  const { claims, poll } = aClaimer();
  await poll();
  await claims[0]!.end(aClaim({ laneIds: [1, 2], mayHaveLeftLanes: true }));

  expect(claims.length).toBe(2);
});

it('claims that find no token of any lane end when they have seen each of them', async () => {
  const { claims, poll } = aClaimer();
  const lanes = [
    [1, 2],
    [3, 4],
    [1, 2],
  ];
  await poll();
  for (const [index, laneIds] of lanes.entries()) await claims[index]!.end(aClaim({ laneIds, mayHaveLeftLanes: true }));
  const afterOneRound = claims.length;
  await poll();
  await claims[3]!.end(aClaim({ laneIds: [1, 2], mayHaveLeftLanes: true }));

  expect([afterOneRound, claims.length]).toEqual([3, 5]);
});

it('an interactive request is claimed beside a running claim, and both are repeated for what they have skipped', async () => {
  const { claims, poll, pollInteractive } = aClaimer();
  await poll();
  await pollInteractive();
  const beside = claims.map(({ onlyInteractive }) => onlyInteractive);
  await claims[0]!.end(aClaim());
  await claims[1]!.end(aClaim({ tokens: [token('a.example', 0)] }));

  expect(beside).toEqual([false, true]);
  expect(claims.map(({ onlyInteractive }) => onlyInteractive)).toEqual([false, true, false]);
});

it('nothing is claimed while results wait for the database, except for interactive requests', async () => {
  const { claimer, claims, completer, poll, pollInteractive } = aClaimer();
  completer.isBackpressured = true;
  await poll();
  await pollInteractive();
  const during = claims.map(({ onlyInteractive }) => onlyInteractive);
  completer.isBackpressured = false;
  claimer.onWritten({ isIdle: false });
  await settle();

  expect([during, claims.map(({ onlyInteractive }) => onlyInteractive)]).toEqual([[true], [true, false]]);
});

it('a claim waits for the end of a pause of bulk work', async () => {
  const { claims, completer, poll } = aClaimer();
  completer.pause = 250;
  await poll();
  await vi.advanceTimersByTimeAsync(249);
  const during = claims.length;
  completer.pause = 0;
  await vi.advanceTimersByTimeAsync(1);

  expect([during, claims.length]).toEqual([0, 1]);
});

it('after a claim that failed, nothing is claimed until the next poll, however few tokens are buffered', async () => {
  const { claims, hosts, limits, poll, fetch } = aClaimer();
  await poll();
  await claims[0]!.end(aClaim({ tokens: [token(), token()] }));
  limits.setShare(hosts.find('a.example')!, 8, 0);
  await poll();
  await claims[1]!.fail();
  await fetch(2);
  const before = claims.length;
  await poll();

  expect([before, claims.length]).toEqual([2, 3]);
});

it('tokens of a host that got a cooldown during the claim are released', async () => {
  const { claims, released, buffer, cooldowns, poll } = aClaimer();
  await poll();
  await vi.advanceTimersByTimeAsync(10);
  await cooldowns.start('busy.example', 5, 'status_429');
  await claims[0]!.end(aClaim({ tokens: [token('busy.example'), token('a.example')] }));

  expect([released.map(({ host }) => host), buffer.count]).toEqual([['busy.example'], 1]);
});

it('tokens of a claim that ends after the worker was stopped are released', async () => {
  const { claims, released, buffer, loops, poll } = aClaimer();
  await poll();
  loops.abort();
  await claims[0]!.end(aClaim({ tokens: [token()] }));

  expect([released.length, buffer.count, claims.length]).toEqual([1, 0, 1]);
});

it('tokens that were buffered for a third of their lease are released', async () => {
  const { claimer, claims, released, buffer, poll } = aClaimer();
  await poll();
  await claims[0]!.end(aClaim({ tokens: [token()] }));
  await vi.advanceTimersByTimeAsync(10_000);
  claimer.releaseLate();
  const before = released.length;
  await vi.advanceTimersByTimeAsync(1);
  claimer.releaseLate();

  expect([before, released.length, buffer.count]).toEqual([0, 1, 0]);
});

it('a busy worker polls once a second, an idle one whenever it is woken', async () => {
  const { claimer, claims, poll } = aClaimer();
  await poll();
  await claims[0]!.end(aClaim());
  claimer.pollIfDue({ isBusy: true });
  await settle();
  const busy = claims.length;
  claimer.pollIfDue({ isBusy: false });
  await settle();
  await claims[1]!.end(aClaim());
  await vi.advanceTimersByTimeAsync(1000);
  claimer.pollIfDue({ isBusy: true });
  await settle();

  expect([busy, claims.length]).toEqual([1, 3]);
});

it('claims are measured: their time in the database, their tokens, those that were lost before, and failures', async () => {
  const { claims, metrics, poll, pollInteractive } = aClaimer();
  await poll();
  await vi.advanceTimersByTimeAsync(40);
  await claims[0]!.end(aClaim({ tokens: [token(), token()], lostTokens: 5 }));
  await pollInteractive();
  await claims[1]!.end(aClaim());
  await poll();
  await claims[2]!.fail();

  const { claimSeconds, claimTokens, lostTokens, failures } = metrics.read();
  expect(claimSeconds.get('any')).toMatchObject({ count: 1, sum: 0.04 });
  expect(claimSeconds.get('interactive')).toMatchObject({ count: 1 });
  expect(claimTokens).toMatchObject({ count: 1, sum: 2 });
  expect(lostTokens).toBe(5);
  expect([...failures]).toEqual([
    ['claim', 1],
    ['completion', 0],
    ['heartbeat', 0],
  ]);
});
