import { startConsole, type ConsolePage, type ConsoleTest } from '../support/console-browser.js';

const HOSTS = 100;
/** Good responses of each host, of one more in all. Each is another share of them, and more than half. */
const GOOD = [2, 3, 5, 9, 19];

let running: ConsoleTest;
beforeAll(async () => {
  running = await startConsole();
  const { id } = await running.test.aProject();
  const { database } = running.test;
  await database.query(
    `insert into nft_metadata.lanes (project_id, host) select $1, 'host-' || number || '.example' from generate_series(1, $2::int) as number`,
    [id, HOSTS],
  );
  await database.query(`
    insert into nft_metadata.refresh_host_minutes (host, minute, outcome, responses, total_ms, durations)
    select host, date_trunc('minute', now()), outcome, 1, 10, array_fill(1, array[33])
    from nft_metadata.lanes cross join unnest('{fetched,timeout}'::text[]) as outcome`);
});
afterAll(() => running.stop());

/** Of each row. Without a layout, which would be a task of its own. */
const shares = ({ page }: ConsolePage) =>
  page.$$eval('tbody td:nth-child(7)', (cells: { textContent: string | null }[]) =>
    cells.map(({ textContent }) => textContent),
  );

it('a page of 100 rows that all change is drawn again without blocking for more than 50 ms', async () => {
  const page = await (await running.browser.anOperator()).open('hosts', { before: WATCH_LONG_TASKS });
  await page.isSettled();
  expect(await shares(page)).toHaveLength(HOSTS);
  await page.page.evaluate(
    'setTimeout(() => { for (const end = performance.now() + 100; performance.now() < end; ); })',
  );
  // The watch works.
  await page.page.waitForFunction('longTasks.length > 0');
  const longTasks: number[][] = [];

  for (const good of GOOD) {
    const before = await shares(page);
    await page.page.evaluate('longTasks.splice(0)');
    await running.test.database.query(
      `update nft_metadata.refresh_host_minutes set responses = $1 where outcome = 'fetched'`,
      [good],
    );
    await vi.waitUntil(async () => (await shares(page)).every((share, row) => share !== before[row]), {
      timeout: 20_000,
      interval: 200,
    });
    longTasks.push((await page.page.evaluate('longTasks.splice(0)')) as number[]);
  }

  // Each update is the same work. One without a long task shows how long it takes: other programs take the processor away from some.
  expect(longTasks).toContainEqual([]);
  expect(page.faults).toEqual([]);
});

const WATCH_LONG_TASKS = `
  globalThis.longTasks = [];
  new PerformanceObserver((list) => longTasks.push(...list.getEntries().map(({ duration }) => duration)))
    .observe({ type: 'longtask' });`;
