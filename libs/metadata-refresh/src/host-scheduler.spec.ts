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

function begun(queues: HostScheduler): ClaimedToken[] {
  const all: ClaimedToken[] = [];
  for (let one = queues.start(0); one; one = queues.start(0)) all.push(one);
  return all;
}

function shared(slots: number, ...hosts: string[]): HostScheduler {
  const queues = new HostScheduler(slots);
  for (const host of hosts) {
    queues.add([token(host)], 0);
    queues.setShare(host, 8);
    queues.finish(queues.start(0)!);
  }
  return queues;
}

it('begins nothing at a host whose share is not known, nor more than the share', () => {
  const queues = new HostScheduler(256);
  queues.add(tokens(20, 'a.example'), 0);

  const before = begun(queues).length;
  queues.setShare('a.example', 3);

  expect([before, begun(queues).length]).toEqual([0, 3]);
});

it('hosts take turns, however much one of them has waiting', () => {
  const queues = shared(10, 'a.example', 'b.example');
  queues.add(tokens(100, 'a.example'), 0);
  queues.add(tokens(4, 'b.example'), 0);

  expect(
    begun(queues)
      .map(({ host }) => host[0])
      .join(''),
  ).toBe('ababababaa');
});

it('interactive requests come before all others, and have slots that others cannot take', () => {
  const queues = shared(16, 'a.example', 'b.example', 'c.example');
  queues.add(tokens(8, 'a.example'), 0);
  queues.add(tokens(8, 'b.example'), 0);
  const others = begun(queues).length;

  queues.add([token('c.example', 2), token('c.example', 0)], 0);

  expect(others).toBe(15);
  expect(begun(queues).map(({ priority }) => priority)).toEqual([0]);
});

it('asks for a claim when half of what should be ahead is gone, and then for all that is missing', () => {
  const queues = shared(256, 'a.example');
  const roomOf = () =>
    queues.demand(0).find(({ host, onlyInteractive }) => host === 'a.example' && !onlyInteractive)?.room ?? 0;
  const wanted = roomOf();
  queues.add(tokens(wanted, 'a.example'), 0);
  const rooms: number[] = [];
  for (let one = 0; one < wanted / 2; one += 1) {
    rooms.push(roomOf());
    queues.finish(queues.start(0)!);
  }

  expect(new Set(rooms)).toEqual(new Set([0]));
  expect(roomOf()).toBe(wanted - Math.floor(wanted / 2));
});

it('lets go of what has been ready for too long, and of nothing that was begun', () => {
  const queues = shared(256, 'a.example');
  queues.add(tokens(10, 'a.example'), 1000);
  const open = begun(queues);
  queues.add(tokens(1, 'a.example'), 5000);

  const dropped = queues.dropOlderThan(2000);

  expect([open.length, dropped.length, queues.readyCount]).toEqual([8, 2, 1]);
});

it('has room for interactive requests, however much it has ahead', () => {
  const queues = shared(256, 'a.example');
  queues.add(tokens(100, 'a.example'), 0);
  const empty = queues.demand(0);
  queues.add(tokens(16, 'a.example', 0), 0);

  expect(empty).toEqual([{ host: 'a.example', room: 16, onlyInteractive: true }]);
  expect(queues.demand(0)).toEqual([{ host: 'a.example', room: 0, onlyInteractive: true }]);
});

it('a host that is left to others is not claimed for until a while has passed, and nothing is held of it', () => {
  const queues = new HostScheduler(256);
  queues.add(tokens(3, 'a.example'), 0);
  queues.setShare('a.example', 0);

  const handedBack = queues.yieldHost('a.example', 0);

  expect([handedBack.length, queues.readyCount]).toEqual([3, 0]);
  expect(queues.demand(2499)).toEqual([{ host: 'a.example', room: 0, onlyInteractive: false }]);
  expect(queues.demand(2500)[0]!.room).toBeGreaterThan(0);
});

describe('a claim may find more', () => {
  const filled = (...hosts: string[]) => {
    const queues = shared(256, ...hosts);
    for (const { host, room } of queues.demand(0)) queues.add(tokens(room, host), 0);
    for (const host of hosts) queues.setShare(host, 8);
    return queues;
  };
  const drain = (queues: HostScheduler, host: string) => {
    for (let one = queues.start(0); one; one = queues.start(0)) queues.finish(one);
    expect(queues.inUse()).not.toContain(host);
  };

  it('for a host that has less than half ahead of what it should', () => {
    const queues = filled('a.example');
    const full = queues.hasRoom(0);
    for (let one = 0; one < 32; one += 1) queues.finish(queues.start(0)!);

    expect([full, queues.hasRoom(0)]).toEqual([false, true]);
  });

  it('for a host that has just run out, although another one holds enough', () => {
    const queues = filled('quick.example');
    drain(queues, 'quick.example');
    queues.add(tokens(200, 'slow.example'), 0);

    expect([queues.hasRoom(1999), queues.hasRoom(2000)]).toEqual([true, false]);
  });

  it('not for a host for which nothing was due, until something may be', () => {
    const queues = filled('a.example');
    for (let one = 0; one < 32; one += 1) queues.finish(queues.start(0)!);
    queues.noteNothingDue(queues.demand(0));
    const before = queues.hasRoom(0);

    queues.forgetNothingDue();

    expect([before, queues.hasRoom(0)]).toEqual([false, true]);
  });

  it('after one that found a host full, or has filled it, as soon as it has room', () => {
    const queues = filled('full.example', 'quick.example');
    queues.noteNothingDue(queues.demand(0), new Set(['quick.example']));
    const before = queues.hasRoom(0);
    for (let one = queues.start(0); one; one = queues.start(0)) queues.finish(one);

    expect([before, queues.hasRoom(0)]).toEqual([false, true]);
  });
});

it('begins interactive requests alone where nothing else may be begun, and has room for more of them', () => {
  const queues = shared(16, 'a.example', 'b.example');
  queues.add([...tokens(2000, 'a.example'), ...tokens(3, 'a.example', 0), ...tokens(5, 'b.example')], 0);

  const begun = [];
  for (let one = queues.start(0, { onlyInteractive: true }); one; one = queues.start(0, { onlyInteractive: true })) {
    begun.push([one.host, one.priority]);
  }

  expect(begun).toEqual([
    ['a.example', 0],
    ['a.example', 0],
    ['a.example', 0],
  ]);
  expect([queues.interactiveCount, queues.interactiveRooms(0)]).toEqual([
    0,
    [
      { host: 'a.example', room: 16, onlyInteractive: true },
      { host: 'b.example', room: 16, onlyInteractive: true },
    ],
  ]);
});
