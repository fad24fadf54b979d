import type { ClaimedToken } from './claimed-token.js';
import { HostScheduler } from './host-scheduler.js';

let next = 0;
function token(host: string, priority = 2): ClaimedToken {
  next += 1;
  return {
    collectionId: 'c',
    tokenId: String(next),
    source: { kind: 'metadata_api', url: `https://${host}` },
    host,
    hostLimit: 8,
    priority,
    fetchSeq: String(next),
    items: [],
  };
}
const tokens = (count: number, host: string, priority?: number) =>
  Array.from({ length: count }, () => token(host, priority));

function startAll(scheduler: HostScheduler): ClaimedToken[] {
  const all: ClaimedToken[] = [];
  for (let one = scheduler.start(0); one; one = scheduler.start(0)) all.push(one);
  return all;
}

function shared(concurrency: number, ...hosts: string[]): HostScheduler {
  const scheduler = new HostScheduler(concurrency);
  for (const host of hosts) {
    scheduler.add([token(host)], 0);
    scheduler.setShare(host, 8);
    scheduler.finish(scheduler.start(0)!);
  }
  return scheduler;
}

it('no token starts at a host whose share is not known, nor more tokens than its share', () => {
  const scheduler = new HostScheduler(256);
  scheduler.add(tokens(20, 'a.example'), 0);

  const before = startAll(scheduler).length;
  scheduler.setShare('a.example', 3);

  expect([before, startAll(scheduler).length]).toEqual([0, 3]);
});

it('hosts take turns, however many tokens of one of them are waiting', () => {
  const scheduler = shared(10, 'a.example', 'b.example');
  scheduler.add(tokens(100, 'a.example'), 0);
  scheduler.add(tokens(4, 'b.example'), 0);

  expect(
    startAll(scheduler)
      .map(({ host }) => host[0])
      .join(''),
  ).toBe('ababababaa');
});

it('interactive requests start first, and part of the concurrency is reserved for them', () => {
  const scheduler = shared(16, 'a.example', 'b.example', 'c.example');
  scheduler.add(tokens(8, 'a.example'), 0);
  scheduler.add(tokens(8, 'b.example'), 0);
  const others = startAll(scheduler).length;

  scheduler.add([token('c.example', 2), token('c.example', 0)], 0);

  expect(others).toBe(15);
  expect(startAll(scheduler).map(({ priority }) => priority)).toEqual([0]);
});

it('a host demands tokens when half of its prefetch target has started, and then all that are missing', () => {
  const scheduler = shared(256, 'a.example');
  const demandOf = () =>
    scheduler.demand(0).find(({ host, onlyInteractive }) => host === 'a.example' && !onlyInteractive)?.tokens ?? 0;
  const wanted = demandOf();
  scheduler.add(tokens(wanted, 'a.example'), 0);
  const demands: number[] = [];
  for (let one = 0; one < wanted / 2; one += 1) {
    demands.push(demandOf());
    scheduler.finish(scheduler.start(0)!);
  }

  expect(new Set(demands)).toEqual(new Set([0]));
  expect(demandOf()).toBe(wanted - Math.floor(wanted / 2));
});

it('tokens that have waited too long are dropped, and none that have started', () => {
  const scheduler = shared(256, 'a.example');
  scheduler.add(tokens(10, 'a.example'), 1000);
  const open = startAll(scheduler);
  scheduler.add(tokens(1, 'a.example'), 5000);

  const dropped = scheduler.dropOlderThan(2000);

  expect([open.length, dropped.length, scheduler.bufferedCount]).toEqual([8, 2, 1]);
});

it('a host demands interactive requests, however many tokens are buffered', () => {
  const scheduler = shared(256, 'a.example');
  scheduler.add(tokens(100, 'a.example'), 0);
  const empty = scheduler.demand(0);
  scheduler.add(tokens(16, 'a.example', 0), 0);

  expect(empty).toEqual([{ host: 'a.example', tokens: 16, onlyInteractive: true }]);
  expect(scheduler.demand(0)).toEqual([{ host: 'a.example', tokens: 0, onlyInteractive: true }]);
});

it('a host that is left to other workers has no demand for a while, and its tokens are released', () => {
  const scheduler = new HostScheduler(256);
  scheduler.add(tokens(3, 'a.example'), 0);
  scheduler.setShare('a.example', 0);

  const released = scheduler.yieldHost('a.example', 0);

  expect([released.length, scheduler.bufferedCount]).toEqual([3, 0]);
  expect(scheduler.demand(2499)).toEqual([{ host: 'a.example', tokens: 0, onlyInteractive: false }]);
  expect(scheduler.demand(2500)[0]!.tokens).toBeGreaterThan(0);
});

describe('when a claim is wanted', () => {
  const filled = (...hosts: string[]) => {
    const scheduler = shared(256, ...hosts);
    for (const demand of scheduler.demand(0)) scheduler.add(tokens(demand.tokens, demand.host), 0);
    for (const host of hosts) scheduler.setShare(host, 8);
    return scheduler;
  };
  const drain = (scheduler: HostScheduler, host: string) => {
    for (let one = scheduler.start(0); one; one = scheduler.start(0)) scheduler.finish(one);
    expect(scheduler.inUse()).not.toContain(host);
  };

  it('a claim is wanted for a host that has less than half of its prefetch target', () => {
    const scheduler = filled('a.example');
    const full = scheduler.wantsClaim(0);
    for (let one = 0; one < 32; one += 1) scheduler.finish(scheduler.start(0)!);

    expect([full, scheduler.wantsClaim(0)]).toEqual([false, true]);
  });

  it('a claim is wanted for a host that has just run out, although another one has enough', () => {
    const scheduler = filled('quick.example');
    drain(scheduler, 'quick.example');
    scheduler.add(tokens(200, 'slow.example'), 0);

    expect([scheduler.wantsClaim(1999), scheduler.wantsClaim(2000)]).toEqual([true, false]);
  });

  it('a claim is not wanted for a host without due items, until there may be some', () => {
    const scheduler = filled('a.example');
    for (let one = 0; one < 32; one += 1) scheduler.finish(scheduler.start(0)!);
    scheduler.markNothingDue(scheduler.demand(0));
    const before = scheduler.wantsClaim(0);

    scheduler.clearNothingDue();

    expect([before, scheduler.wantsClaim(0)]).toEqual([false, true]);
  });

  it('a claim is wanted after one that found a host full, or filled it, as soon as tokens have started', () => {
    const scheduler = filled('full.example', 'quick.example');
    scheduler.markNothingDue(scheduler.demand(0), new Set(['quick.example']));
    const before = scheduler.wantsClaim(0);
    for (let one = scheduler.start(0); one; one = scheduler.start(0)) scheduler.finish(one);

    expect([before, scheduler.wantsClaim(0)]).toEqual([false, true]);
  });
});

it('with onlyInteractive, only interactive requests start, and more of them are demanded', () => {
  const scheduler = shared(16, 'a.example', 'b.example');
  scheduler.add([...tokens(2000, 'a.example'), ...tokens(3, 'a.example', 0), ...tokens(5, 'b.example')], 0);

  const started = [];
  for (
    let one = scheduler.start(0, { onlyInteractive: true });
    one;
    one = scheduler.start(0, { onlyInteractive: true })
  ) {
    started.push([one.host, one.priority]);
  }

  expect(started).toEqual([
    ['a.example', 0],
    ['a.example', 0],
    ['a.example', 0],
  ]);
  expect([scheduler.interactiveCount, scheduler.interactiveDemand(0)]).toEqual([
    0,
    [
      { host: 'a.example', tokens: 16, onlyInteractive: true },
      { host: 'b.example', tokens: 16, onlyInteractive: true },
    ],
  ]);
});
