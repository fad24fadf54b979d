import { LeaseRenewal } from './lease-renewal.js';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Renewals that end when the test says so. */
function startRenewal() {
  const begun: PromiseWithResolvers<void>[] = [];
  const renew = () => {
    const renewal = Promise.withResolvers<void>();
    begun.push(renewal);
    return renewal.promise;
  };
  return { begun, renewal: new LeaseRenewal(renew, 1000) };
}

it('a lease is renewed in every interval until its work ends, also after a renewal that failed', async () => {
  const { begun, renewal } = startRenewal();

  await vi.advanceTimersByTimeAsync(1000);
  begun[0]!.reject(new Error('the database is away'));
  await vi.advanceTimersByTimeAsync(1000);
  begun[1]!.resolve();
  await renewal.end();
  await vi.advanceTimersByTimeAsync(5000);

  expect(begun).toHaveLength(2);
});

it('a renewal that takes longer than the interval is not overtaken by another one, and the work ends after it', async () => {
  const { begun, renewal } = startRenewal();
  await vi.advanceTimersByTimeAsync(3500);
  expect(begun).toHaveLength(1);

  let isEnded = false;
  const ending = renewal.end().then(() => (isEnded = true));
  await vi.advanceTimersByTimeAsync(5000);
  expect(isEnded).toBe(false);
  begun[0]!.resolve();

  await ending;
  expect(begun).toHaveLength(1);
});
