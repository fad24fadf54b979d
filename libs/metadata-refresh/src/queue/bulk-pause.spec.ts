import { BulkPause } from './bulk-pause.js';

it('a pause of bulk work lasts until the interactive results are written', () => {
  const pause = new BulkPause();
  pause.request(1000);
  const during = pause.remainingMs(1100);
  pause.end(1100);

  expect([during, pause.remainingMs(1100)]).toEqual([150, 0]);
});

it('a pause of bulk work lasts 250 ms at most, also when further interactive refreshes are requested meanwhile', () => {
  const pause = new BulkPause();
  pause.request(1000);
  pause.request(1200);

  expect([pause.remainingMs(1249), pause.remainingMs(1250)]).toEqual([1, 0]);
});

it('bulk work keeps half of the time when interactive refreshes never end', () => {
  const pause = new BulkPause();
  let paused = 0;
  for (let now = 0; now < 60_000; now += 10) {
    pause.request(now);
    if (pause.remainingMs(now) > 0) paused += 10;
  }

  expect(paused).toBeGreaterThan(28_000);
  expect(paused).toBeLessThanOrEqual(33_000);
});

it('a pause of bulk work that ends early returns the unused credit', () => {
  const pause = new BulkPause();
  let pauses = 0;
  for (let now = 0; now < 10_000; now += 100) {
    pause.request(now);
    if (pause.remainingMs(now) > 0) pauses += 1;
    pause.end(now + 40);
  }

  expect(pauses).toBe(100);
});

it('an interactive refresh counts as recent for five seconds', () => {
  const pause = new BulkPause();
  const before = pause.isRecent(0);
  pause.request(1000);

  expect([before, pause.isRecent(5999), pause.isRecent(6000)]).toEqual([false, true, false]);
});
