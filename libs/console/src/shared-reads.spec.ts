import type { HttpRequest } from './http.js';
import type { Person } from './person.js';
import { SharedReads } from './shared-reads.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const shared = { expiresAt: null, name: 'Mira', sessionKey: 'session' };
const operator: Person = { ...shared, kind: 'operator', mayAct: true };
const aPartner = (id: string): Person => ({
  ...shared,
  kind: 'partner',
  mayAct: true,
  project: { id, name: 'Studio', ownerAddress: '0x1' } as Extract<Person, { kind: 'partner' }>['project'],
});

function aRequest(url = '/console/api/refreshes/1', cacheControl: string | undefined = 'max-age=1'): HttpRequest {
  return { method: 'GET', url, protocol: 'http', headers: { 'cache-control': cacheControl } };
}

/** What the database has changes with each read. */
function startReads() {
  const reads = new SharedReads();
  let count = 0;
  const state = { text: '', pending: Promise.resolve() };
  const work = async () => {
    count += 1;
    const read = { now: '2026-11-30T00:00:00.000Z', count, text: state.text };
    await state.pending;
    return read;
  };
  return {
    reads,
    state,
    read: async (person = operator, request = aRequest()) =>
      (JSON.parse((await reads.read(person, request, work)).toString()) as { count: number }).count,
  };
}

it('requests that begin while another one is read get the same', async () => {
  const { read, state } = startReads();
  const { promise, resolve } = Promise.withResolvers<void>();
  state.pending = promise;

  const all = [read(), read()];
  // However long it takes.
  await vi.advanceTimersByTimeAsync(2000);
  all.push(read());
  resolve();

  expect(await Promise.all(all)).toEqual([1, 1, 1]);
});

it.each([
  ['max-age=1', 800],
  ['max-age=2', 1800],
  ['max-age=60', 1800],
])(
  'a request with Cache-Control: %s gets what began to be read less than %d ms before',
  async (cacheControl, ageMs) => {
    const { read, state } = startReads();
    const request = aRequest(undefined, cacheControl);
    const { promise, resolve } = Promise.withResolvers<void>();
    state.pending = promise;
    const first = read(operator, request);
    await vi.advanceTimersByTimeAsync(300);
    resolve();
    await first;

    await vi.advanceTimersByTimeAsync(ageMs - 301);
    expect(await read(operator, request)).toBe(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(await read(operator, request)).toBe(2);
  },
);

it.each([undefined, 'max-age=0', 'no-cache', 'max-age=1, no-cache', 'No-Store', 'max-age=x'])(
  'a request with Cache-Control: %s is read anew, and those that share get what it has read',
  async (cacheControl) => {
    const { read } = startReads();
    await read();

    expect(await read(operator, { ...aRequest(), headers: { 'cache-control': cacheControl } })).toBe(2);
    expect(await read()).toBe(2);
    expect(await read(operator, aRequest(undefined, 'private, Max-Age=01'))).toBe(2);
  },
);

it('the time in a response moves on while it is shared, and its ETag stays', async () => {
  const reads = new SharedReads();
  const work = async () => ({ now: '2026-11-30T00:00:00.000Z', rows: [] });
  const first = await reads.read(operator, aRequest(), work);
  const text = first.toString();
  await vi.advanceTimersByTimeAsync(250);

  const later = await reads.read(operator, aRequest(), work);

  expect(text).toBe('{"now":"2026-11-30T00:00:00.000Z","rows":[]}');
  expect(later.toString()).toBe('{"now":"2026-11-30T00:00:00.250Z","rows":[]}');
  expect(later.etag).toBe(first.etag);
});

it('nobody gets what others may see, may do, or have asked for', async () => {
  const { read } = startReads();
  const url = '/console/api/refreshes/1/tokens?order=latest';

  const all = [
    await read(operator),
    await read({ ...operator, mayAct: false }),
    await read(aPartner('one')),
    await read(aPartner('other')),
    await read({ ...aPartner('one'), mayAct: false }),
    await read(operator, aRequest(url)),
    await read(operator, aRequest(`${url}&token=1`)),
  ];

  expect(all).toEqual([1, 2, 3, 4, 5, 6, 7]);
  expect(await read({ ...operator, name: 'Noor', sessionKey: 'another' })).toBe(1);
  expect(await read(aPartner('other'))).toBe(4);
});

it('an error is not kept', async () => {
  const reads = new SharedReads();
  const fail = () => Promise.reject(new Error('busy'));
  await expect(reads.read(operator, aRequest(), fail)).rejects.toThrow('busy');

  const body = await reads.read(operator, aRequest(), async () => ({ now: '2026-11-30T00:00:00.000Z' }));
  expect(body.toString()).toBe('{"now":"2026-11-30T00:00:00.000Z"}');
});

it('after an action everything is read anew, also what was being read when it was done', async () => {
  const { reads, read, state } = startReads();
  await read(operator, aRequest('/other'));
  const { promise, resolve } = Promise.withResolvers<void>();
  state.pending = promise;
  const begun = read();
  reads.forgetAll();
  resolve();

  expect(await begun).toBe(2);
  expect([await read(), await read(operator, aRequest('/other'))]).toEqual([3, 4]);
});

it('keeps a hundred reads and four million characters at most', async () => {
  const { read, state } = startReads();
  const at = (index: number) => read(operator, aRequest(`/${index}`));
  for (let index = 1; index <= 101; index += 1) await at(index);
  expect([await at(1), await at(100), await at(101)]).toEqual([1, 100, 102]);

  await vi.advanceTimersByTimeAsync(1800);
  state.text = 'x'.repeat(3_000_000);
  expect([await at(1), await at(2)]).toEqual([103, 104]);
  expect([await at(1), await at(2)]).toEqual([103, 105]);
});
