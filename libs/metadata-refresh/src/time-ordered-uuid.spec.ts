import { timeOrderedUuid } from './time-ordered-uuid.js';

it('the id of a refresh is a UUID of version 7, unique, and in the order of time', () => {
  const [first, second] = [timeOrderedUuid(1_700_000_000_000), timeOrderedUuid(1_700_000_000_001)];

  expect(first).toMatch(/^018bcfe5-6800-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(first < second).toBe(true);
  expect(new Set(Array.from({ length: 1000 }, () => timeOrderedUuid(1))).size).toBe(1000);
});
