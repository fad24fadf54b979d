import type { ClaimedToken } from '../queue/claimed-token.js';
import { aClaimedToken } from '../queue/claimed-token.fixtures.js';
import { HostLimits } from './host-limits.js';
import { Hosts } from './hosts.js';
import { TokenBuffer } from './token-buffer.js';

const token = (host: string, priority = 2) => aClaimedToken({ host, priority });
const tokens = (count: number, host: string, priority?: number) =>
  Array.from({ length: count }, () => token(host, priority));

const SHARE_TTL_MS = 2400;

/** A buffer of a worker that has a share of 8 at these hosts. */
function aBuffer(concurrency: number, ...names: string[]) {
  const hosts = new Hosts();
  const limits = new HostLimits(hosts, concurrency);
  const buffer = new TokenBuffer(hosts, limits);
  for (const name of names) {
    const host = hosts.activate(name, 0);
    host.limit = 8;
    limits.setShare(host, 8, 0);
  }
  const takeAll = (options?: { onlyInteractive: boolean }) => {
    const taken: ClaimedToken[] = [];
    for (let buffered = buffer.take(0, options); buffered; buffered = buffer.take(0, options))
      taken.push(buffered.token);
    return taken;
  };
  return { hosts, limits, buffer, takeAll };
}

it('no token starts at a host whose share is not known, nor more tokens than its share', () => {
  const { hosts, limits, buffer, takeAll } = aBuffer(256);
  buffer.add(tokens(20, 'a.example'), 0);

  const before = takeAll().length;
  limits.setShare(hosts.find('a.example')!, 3, 0);

  expect([before, takeAll().length]).toEqual([0, 3]);
});

it('no token starts after missed heartbeats, until one returns a share', () => {
  const { hosts, limits, buffer, takeAll } = aBuffer(256, 'a.example');
  buffer.add(tokens(20, 'a.example'), 0);
  limits.discardExpiredShares(SHARE_TTL_MS);
  const first = buffer.take(0);
  limits.discardExpiredShares(SHARE_TTL_MS + 1);
  const afterwards = takeAll().length;
  limits.setShare(hosts.find('a.example')!, 2, SHARE_TTL_MS + 1);

  expect([first !== null, afterwards, takeAll().length]).toEqual([true, 0, 1]);
});

it('a host whose limit has changed starts no token until the next heartbeat', () => {
  const { buffer, takeAll } = aBuffer(256, 'a.example');
  buffer.add([{ ...token('a.example'), hostLimit: 4 }], 0);

  expect(takeAll()).toEqual([]);
});

it('hosts take turns, however many tokens of one of them are waiting', () => {
  const { buffer, takeAll } = aBuffer(10, 'a.example', 'b.example');
  buffer.add(tokens(100, 'a.example'), 0);
  buffer.add(tokens(4, 'b.example'), 0);

  expect(
    takeAll()
      .map(({ host }) => host[0])
      .join(''),
  ).toBe('ababababaa');
});

it('interactive requests start first, and part of the concurrency is reserved for them', () => {
  const { buffer, takeAll } = aBuffer(16, 'a.example', 'b.example', 'c.example');
  buffer.add(tokens(8, 'a.example'), 0);
  buffer.add(tokens(8, 'b.example'), 0);
  const others = takeAll().length;

  buffer.add([token('c.example', 2), token('c.example', 0)], 0);

  expect(others).toBe(15);
  expect(takeAll().map(({ priority }) => priority)).toEqual([0]);
});

it('a token starts when another one of its host has ended', () => {
  const { limits, buffer, takeAll } = aBuffer(256, 'a.example');
  buffer.add(tokens(10, 'a.example'), 0);
  const first = buffer.take(0)!;
  const others = takeAll().length;
  limits.release(first.host);

  expect([others, takeAll().length, limits.inFlightCount]).toEqual([7, 1, 8]);
});

it('with onlyInteractive, only tokens of interactive requests start', () => {
  const { buffer, takeAll } = aBuffer(16, 'a.example', 'b.example');
  buffer.add([...tokens(2000, 'a.example'), ...tokens(3, 'a.example', 0), ...tokens(5, 'b.example')], 0);

  const started = takeAll({ onlyInteractive: true });

  expect(started.map(({ host, priority }) => [host, priority])).toEqual([
    ['a.example', 0],
    ['a.example', 0],
    ['a.example', 0],
  ]);
  expect([buffer.interactiveCount, buffer.count]).toEqual([0, 2005]);
});

it('tokens that have waited too long are dropped, and none that have started', () => {
  const { buffer, takeAll } = aBuffer(256, 'a.example');
  buffer.add(tokens(10, 'a.example'), 1000);
  const started = takeAll();
  buffer.add([token('a.example'), token('a.example', 0)], 5000);

  const dropped = buffer.dropOlderThan(2000);

  expect([started.length, dropped.length, buffer.count, buffer.interactiveCount]).toEqual([8, 2, 2, 1]);
});

it('tokens of all hosts are dropped when the worker stops', () => {
  const { buffer } = aBuffer(256, 'a.example');
  buffer.add([token('a.example'), token('b.example', 0)], 0);

  expect(buffer.dropAll().map(({ host }) => host)).toEqual(['a.example', 'b.example']);
  expect([buffer.count, buffer.interactiveCount, buffer.take(0)]).toEqual([0, 0, null]);
});
