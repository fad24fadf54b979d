import { GatewayBackoff } from './gateway-backoff.js';

const a = { url: 'https://a.example/ipfs/1' };
const b = { url: 'https://b.example/ipfs/1' };
const c = { url: 'https://c.example/ipfs/1' };

describe('gateways', () => {
  let now = 0;
  let health: GatewayBackoff;
  beforeEach(() => {
    now = 1000;
    health = new GatewayBackoff(() => now);
  });

  it('are asked in the order given while all is well', () => {
    health.noteAnswer(b.url);

    expect(health.order([a, b, c])).toEqual([a, b, c]);
  });

  it('are asked last while they rest after a failure, each longer than the last time, a minute at most', () => {
    const restOf = () => {
      health.noteFailure(a.url);
      const from = now;
      while (health.order([a, b])[0] !== a) now += 100;
      return now - from;
    };

    expect([restOf(), restOf(), restOf(), restOf()]).toEqual([1000, 2000, 4000, 8000]);
    for (let count = 0; count < 20; count += 1) health.noteFailure(a.url);
    expect(restOf()).toBe(60_000);
  });

  it('are in their place again as soon as they have answered', () => {
    health.noteFailure(a.url);
    expect(health.order([a, b])).toEqual([b, a]);

    health.noteAnswer('https://a.example/another');

    expect(health.order([a, b])).toEqual([a, b]);
  });

  it('are asked although they rest when there is no other', () => {
    health.noteFailure(a.url);

    expect(health.order([a])).toEqual([a]);
  });

  it('are forgotten, the oldest first, when a thousand others have failed since', () => {
    health.noteFailure(a.url);
    for (let one = 0; one < 1000; one += 1) health.noteFailure(`https://${one}.example/`);

    expect(health.order([a, b])).toEqual([a, b]);
    expect(health.order([{ url: 'https://999.example/' }, b])[0]).toEqual(b);
  });
});
