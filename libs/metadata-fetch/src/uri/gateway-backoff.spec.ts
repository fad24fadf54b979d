import { GatewayBackoff } from './gateway-backoff.js';

const a = { url: 'https://a.example/ipfs/1' };
const b = { url: 'https://b.example/ipfs/1' };
const c = { url: 'https://c.example/ipfs/1' };

describe('the order of gateways', () => {
  let now = 0;
  let backoff: GatewayBackoff;
  beforeEach(() => {
    now = 1000;
    backoff = new GatewayBackoff(() => now);
  });

  it('gateways are in the given order while none fails', () => {
    backoff.recordSuccess(b.url);

    expect(backoff.order([a, b, c])).toEqual([a, b, c]);
  });

  it('a failing gateway is last during its back-off, which doubles up to a minute', () => {
    const backoffOf = () => {
      backoff.recordFailure(a.url);
      const from = now;
      while (backoff.order([a, b])[0] !== a) now += 100;
      return now - from;
    };

    expect([backoffOf(), backoffOf(), backoffOf(), backoffOf()]).toEqual([1000, 2000, 4000, 8000]);
    for (let count = 0; count < 20; count += 1) backoff.recordFailure(a.url);
    expect(backoffOf()).toBe(60_000);
  });

  it('a gateway is back in its place after a success', () => {
    backoff.recordFailure(a.url);
    expect(backoff.order([a, b])).toEqual([b, a]);

    backoff.recordSuccess('https://a.example/another');

    expect(backoff.order([a, b])).toEqual([a, b]);
  });

  it('the only gateway is kept while it is in back-off', () => {
    backoff.recordFailure(a.url);

    expect(backoff.order([a])).toEqual([a]);
  });

  it('the oldest failure is forgotten when a thousand other gateways have failed since', () => {
    backoff.recordFailure(a.url);
    for (let one = 0; one < 1000; one += 1) backoff.recordFailure(`https://${one}.example/`);

    expect(backoff.order([a, b])).toEqual([a, b]);
    expect(backoff.order([{ url: 'https://999.example/' }, b])[0]).toEqual(b);
  });
});
