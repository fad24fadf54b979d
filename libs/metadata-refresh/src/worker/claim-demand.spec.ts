import { aClaimedToken } from '../queue/claimed-token.fixtures.js';
import { ClaimDemand } from './claim-demand.js';
import { HostLimits } from './host-limits.js';
import { Hosts } from './hosts.js';
import { TokenBuffer } from './token-buffer.js';

const token = (host: string, priority = 2) => aClaimedToken({ host, priority });
const tokens = (count: number, host: string, priority?: number) =>
  Array.from({ length: count }, () => token(host, priority));

/** A worker that has a share of 8 at these hosts and has just fetched a token of each. */
function aWorker(...names: string[]) {
  const hosts = new Hosts();
  const limits = new HostLimits(hosts, 256);
  const buffer = new TokenBuffer(hosts, limits);
  const demand = new ClaimDemand(hosts, limits, buffer);
  const fetchNext = () => {
    const buffered = buffer.take(0);
    if (buffered) limits.release(buffered.host);
    return buffered !== null;
  };
  for (const name of names) {
    buffer.add([token(name)], 0);
    limits.setShare(hosts.find(name)!, 8, 0);
    fetchNext();
  }
  const fetchAll = () => {
    while (fetchNext());
  };
  return { hosts, limits, buffer, demand, fetchNext, fetchAll, host: (name: string) => hosts.find(name)! };
}

/** The same, with as many buffered tokens as it wants. */
function aFullWorker(...names: string[]) {
  const worker = aWorker(...names);
  for (const { host, tokens: wanted } of worker.demand.ofAll(0)) worker.buffer.add(tokens(wanted, host), 0);
  return worker;
}

it('a host demands tokens when half of its prefetch target has started, and then all that are missing', () => {
  const { buffer, demand, fetchNext } = aWorker('a.example');
  const demanded = () =>
    demand.ofAll(0).find(({ host, onlyInteractive }) => host === 'a.example' && !onlyInteractive)?.tokens ?? 0;
  const wanted = demanded();
  buffer.add(tokens(wanted, 'a.example'), 0);
  const demands: number[] = [];
  for (let one = 0; one < wanted / 2; one += 1) {
    demands.push(demanded());
    fetchNext();
  }

  expect(new Set(demands)).toEqual(new Set([0]));
  expect(demanded()).toBe(wanted - Math.floor(wanted / 2));
});

it('a host demands interactive requests, however many tokens are buffered', () => {
  const { buffer, demand } = aWorker('a.example');
  buffer.add(tokens(100, 'a.example'), 0);
  const empty = demand.ofAll(0);
  buffer.add(tokens(16, 'a.example', 0), 0);

  expect(empty).toEqual([{ host: 'a.example', tokens: 16, onlyInteractive: true }]);
  expect(demand.ofAll(0)).toEqual([{ host: 'a.example', tokens: 0, onlyInteractive: true }]);
});

it('a claim of interactive requests demands them of all hosts, whatever else is buffered', () => {
  const { buffer, demand } = aWorker('a.example', 'b.example');
  buffer.add([...tokens(2000, 'a.example'), ...tokens(3, 'a.example', 0)], 0);

  expect(demand.ofInteractive(0)).toEqual([
    { host: 'a.example', tokens: 13, onlyInteractive: true },
    { host: 'b.example', tokens: 16, onlyInteractive: true },
  ]);
});

it('a host that is left to other workers has no demand for a while, and its tokens are released', () => {
  const { limits, buffer, demand, host } = aWorker('a.example');
  buffer.add(tokens(3, 'a.example'), 0);
  limits.setShare(host('a.example'), 0, 0);

  const released = demand.yieldHost(host('a.example'), 0);

  expect([released.length, buffer.count]).toEqual([3, 0]);
  expect(demand.ofAll(2499)).toEqual([{ host: 'a.example', tokens: 0, onlyInteractive: false }]);
  expect(demand.ofAll(2500)[0]!.tokens).toBeGreaterThan(0);
});

it('tokens of a host that has become slower are released, except for twice its prefetch target', () => {
  const { limits, buffer, demand, host } = aWorker('a.example');
  buffer.add([...tokens(200, 'a.example'), ...tokens(50, 'a.example', 0)], 0);
  for (let one = 0; one < 100; one += 1) {
    limits.tryAcquire(host('a.example'), { isInteractive: false });
    limits.release(host('a.example'), { signal: 'responded', startedAt: 0, endedAt: 5000 });
  }

  const released = demand.trimPrefetch();

  expect(released.every(({ priority }) => priority === 2)).toBe(true);
  expect([released.length, buffer.count, buffer.interactiveCount]).toEqual([168, 82, 50]);
});

describe('when a claim is wanted', () => {
  it('a claim is wanted for a host that has less than half of its prefetch target', () => {
    const { demand, fetchNext } = aFullWorker('a.example');
    const full = demand.isAnyWanted(0);
    for (let one = 0; one < 32; one += 1) fetchNext();

    expect([full, demand.isAnyWanted(0)]).toEqual([false, true]);
  });

  it('a claim is wanted for a host that has just run out, although another one has enough', () => {
    const { hosts, buffer, demand, fetchAll } = aFullWorker('quick.example');
    fetchAll();
    expect(hosts.inUse()).toEqual([]);
    buffer.add(tokens(200, 'slow.example'), 0);

    expect([demand.isAnyWanted(1999), demand.isAnyWanted(2000)]).toEqual([true, false]);
  });

  it('a claim is not wanted for a host without due tokens, until there may be some', () => {
    const { demand, fetchNext } = aFullWorker('a.example');
    for (let one = 0; one < 32; one += 1) fetchNext();
    demand.markNothingDue(demand.ofAll(0));
    const before = demand.isAnyWanted(0);

    demand.clearNothingDue();

    expect([before, demand.isAnyWanted(0)]).toEqual([false, true]);
  });

  it('a claim is wanted after one that found a host full, or filled it, as soon as tokens have started', () => {
    const { demand, fetchAll } = aFullWorker('full.example', 'quick.example');
    demand.markNothingDue(demand.ofAll(0), new Set(['quick.example']));
    const before = demand.isAnyWanted(0);
    fetchAll();

    expect([before, demand.isAnyWanted(0)]).toEqual([false, true]);
  });
});

it('a host that was unused for ten minutes is forgotten', () => {
  const { hosts } = aWorker('a.example');
  hosts.leaveUnused(600_000);
  const before = hosts.find('a.example');
  hosts.leaveUnused(600_001);

  expect([before?.name, hosts.find('a.example')]).toEqual(['a.example', undefined]);
});
