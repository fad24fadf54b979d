import type { ClaimedToken } from '../queue/claimed-token.js';
import { RecentCooldowns } from './recent-cooldowns.js';

const token = (host: string) => ({ host }) as ClaimedToken;
const claimed = [token('a.example'), token('b.example')];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Cooldowns that are saved when the test says so. */
function heldUp() {
  const saves: { end: () => void; fail: () => void }[] = [];
  const errors: unknown[] = [];
  const cooldowns = new RecentCooldowns(
    () => new Promise((end, fail) => saves.push({ end, fail: () => fail(new Error('away')) })),
    (error) => errors.push(error),
  );
  return { cooldowns, saves, errors };
}

it('a claim that started before a cooldown was saved hands back the tokens of that host, and only those', async () => {
  const { cooldowns, saves } = heldUp();
  const saved = cooldowns.start('a.example', 5, 'status_429');
  const whileSaving = cooldowns.partition(claimed, performance.now());
  vi.advanceTimersByTime(100);
  saves[0]!.end();
  await saved;

  const startedBefore = cooldowns.partition(claimed, performance.now() - 50);
  const startedAfter = cooldowns.partition(claimed, performance.now() + 1);

  expect([whileSaving, startedBefore]).toEqual([
    [[claimed[1]], [claimed[0]]],
    [[claimed[1]], [claimed[0]]],
  ]);
  expect(startedAfter).toEqual([claimed, []]);
});

it('a cooldown is remembered until the last claim that started before it has ended', async () => {
  const { cooldowns, saves } = heldUp();
  const oldest = performance.now();
  vi.advanceTimersByTime(100);
  const saved = cooldowns.start('a.example', 5, 'status_429');
  saves[0]!.end();
  await saved;

  cooldowns.partition(claimed, performance.now() + 1, oldest);

  expect(cooldowns.partition(claimed, oldest)).toEqual([[claimed[1]], [claimed[0]]]);
});

it('a cooldown that cannot be saved is reported, and counts as ended work', async () => {
  const { cooldowns, saves, errors } = heldUp();
  const saved = cooldowns.start('a.example', 5, 'status_429');
  const before = cooldowns.isIdle;
  saves[0]!.fail();
  await saved;

  expect([before, errors.length, cooldowns.isIdle]).toEqual([false, 1, true]);
});
