import { launch, type Browser, type Page } from 'puppeteer-core';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.js';
import { startApp, type TestApp } from '../support/start-app.js';

let test: TestApp;
let service: ServiceProcess;
let browser: Browser;
beforeAll(async () => {
  test = await startApp();
  service = await startServiceProcess(test, 'api');
  browser = await launch({
    executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
});
afterAll(async () => {
  await browser.close();
  service.process.kill('SIGKILL');
  await test.stop();
});

/** The page, with what went wrong in it. */
async function open(path: string): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage();
  await page.setViewport({ width: 1200, height: 1600 });
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && faults.push(message.text()));
  page.on('request', (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(service.url)) faults.push(request.url());
  });
  await page.goto(service.url + path);
  return { page, faults };
}

const click = async (page: Page, selector: string) =>
  (await page.waitForSelector(selector, { visible: true }))!.click();

it('"Try it out" at /docs works with an API key', async () => {
  const { apiKey } = await test.aProject({ limits: { requestsPerSecond: 3 } });
  const { page, faults } = await open('/docs');

  await click(page, 'button.authorize');
  const input = await page.waitForSelector('input[aria-label="auth-api-key"], .auth-container input', {
    visible: true,
  });
  await input!.type(apiKey);
  await click(page, '.auth-btn-wrapper button[type="submit"]');
  await click(page, '.btn-done');
  await click(page, '[id$="getLimits"] .opblock-summary-control');
  await click(page, '[id$="getLimits"] .try-out__btn');
  await click(page, '[id$="getLimits"] .execute');
  const response = await page.waitForSelector('[id$="getLimits"] .live-responses-table .response', { visible: true });

  expect(await response!.evaluate((row) => row.textContent)).toMatch(/^200.*"requests_per_second": 3,/s);
  expect(faults).toEqual([]);
});

it('/docs shows every operation, its errors with an example each, and requests nothing from any other host', async () => {
  const { page, faults } = await open('/docs');

  await page.waitForSelector('[id$="requestRefresh"]');
  const operations = await page.$$eval('.opblock-summary-path', (paths) => paths.map(({ textContent }) => textContent));
  await click(page, '[id$="requestRefresh"] .opblock-summary-control');
  const responses = await page.waitForSelector('[id$="requestRefresh"] .responses-inner', { visible: true });

  const document = (await (await fetch(`${service.url}/openapi.json`)).json()) as { paths: Record<string, object> };
  const documented = Object.entries(document.paths).flatMap(([path, methods]) => Object.keys(methods).map(() => path));
  expect(documented).toEqual(
    expect.arrayContaining([
      '/v1/metadata-refreshes',
      '/v1/metadata-refreshes/{refresh_id}/errors',
      '/v1/metadata-refreshes/{refresh_id}/tokens',
      '/v1/metadata-refreshes/{refresh_id}/cancel',
      '/v1/limits',
      '/collections/{token_address}/refresh_metadata',
      '/mavis-market-partner/collections/{token_address}/refresh_metadata',
      '/v1/collections/{collection_address}/tokens/{token_id}/attempts',
      '/v1/collections/{collection_address}/tokens',
      '/v1/webhooks/{webhook_id}/deliveries',
      '/listings',
      '/health/ready',
      '/metrics',
    ]),
  );
  const shown = operations.map((path) => path?.replaceAll('\u200B', '') ?? '');
  const byText = (a: string, b: string) => a.localeCompare(b);
  expect(shown.toSorted(byText)).toEqual(documented.toSorted(byText));
  expect(await responses!.evaluate((element) => element.textContent)).toContain('refresh_limit_exceeded');
  expect(faults).toEqual([]);
});
