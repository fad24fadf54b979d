import { consoleOf, startDemo, untilShown, type Demo } from '../support/demo.js';
import { ConsoleBrowser } from '../support/console-browser.js';

let demo: Demo;
let browser: ConsoleBrowser;
beforeAll(async () => {
  demo = startDemo();
  await untilShown(demo, 'Open its console');
  browser = await ConsoleBrowser.start(consoleOf(demo).url);
}, 120_000);
afterAll(async () => {
  await browser.stop();
  demo.process.kill('SIGINT');
  await demo.status;
});

/** `docs/console.webp` is its second one. */
it('the console of the demonstration shows its refresh to an operator who signs in as it says', async () => {
  const { refreshId, secret } = consoleOf(demo);
  const page = await (
    await browser.aVisitor()
  ).open(`refreshes/${refreshId}`, { viewport: { width: 1280, height: 900 } });

  await page.shows('Sign in');
  await page.click('Operator');
  await page.fill('Operator secret', secret);
  await page.fill('Your name', 'Mira K.');
  await page.click('Sign in');
  await page.shows('502 of 502 tokens done');
  await page.shows('What to fix');
  expect(await page.findings('demo')).toEqual([]);
  await page.screenshot('demo-window', { type: 'webp', fullPage: false });
});
