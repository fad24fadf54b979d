import { mkdir } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import {
  launch,
  type Browser,
  type BrowserContext,
  type HTTPResponse,
  type Page,
  type ScreenshotOptions,
  type Viewport,
} from 'puppeteer-core';
import type { SignIn } from '../../libs/console/src/wire/index.js';
import { CONSOLE_VARIABLES } from './console-app.js';
import { CONSOLE_HEADERS, OPERATOR_SECRET, PICTURE_POLICY } from './console.js';
import { startApp, type TestApp } from './start-app.js';

/** Screenshots of all pages are kept here, to be looked at. */
const SCREENSHOTS = fileURLToPath(new URL('../../.data/console-screenshots/', import.meta.url));

interface PageElement {
  matches(selector: string): boolean;
  getAttributeNames(): string[];
  outerHTML: string;
}

/** What functions below use of the browser that they run in. */
declare const document: {
  body: { innerText: string };
  documentElement: { scrollWidth: number };
  querySelector(selector: string): object | null;
  querySelectorAll(selector: string): Iterable<PageElement>;
};
declare const window: { innerWidth: number; axe: { run(root: object, options: object): Promise<AxeResult> } };

export const WIDTHS = { desktop: { width: 1440, height: 900 }, phone: { width: 390, height: 844 } } as const;
const THEMES = ['light', 'dark'] as const;
type Look = readonly [size: keyof typeof WIDTHS, theme: (typeof THEMES)[number]];
/** Each page is visited in all of them. */
export const LOOKS: readonly Look[] = (Object.keys(WIDTHS) as (keyof typeof WIDTHS)[]).flatMap((size) =>
  THEMES.map((theme) => [size, theme] as const),
);

/** A test for each look of a page. `open` opens the page, and brings it into its state. The screenshots have the name. */
export function testLooks(
  name: string,
  open: (options: Pick<ConsolePageOptions, 'viewport' | 'theme'>) => Promise<ConsolePage>,
  { looks = LOOKS, ...options }: FindingsOptions & { looks?: readonly Look[] } = {},
): void {
  it.each(looks)(
    'on a %s in the %s theme passes axe, breaks no policy, and does not scroll sideways [K11] [K44] [K46]',
    async (size, theme) => {
      const page = await open({ viewport: WIDTHS[size], theme });

      expect(await page.findings(`${name}-${size}-${theme}`, options)).toEqual([]);
      await page.close();
    },
  );
}

export interface ConsolePageOptions {
  viewport?: Viewport;
  theme?: (typeof THEMES)[number];
  /** Runs in the page before its own scripts. */
  before?: string;
  /** Functions of the test that scripts of the page can call. */
  functions?: Readonly<Record<string, (text: string) => Promise<unknown>>>;
  /** false: it is turned off. */
  javaScript?: boolean;
  /** How many times slower the processor is. */
  slowdown?: number;
}

/** How a page is looked at. */
export interface FindingsOptions {
  /** It is to load for ever. */
  isLoading?: boolean;
  fullPage?: boolean;
  /** Something lies on it for a moment, which makes parts of it smaller than they are. */
  isMainCovered?: boolean;
}

export interface ConsoleTest {
  test: TestApp;
  browser: ConsoleBrowser;
  operatorSecret: string;
  stop(): Promise<void>;
}

/** Starts the service with its console, and a browser. */
export async function startConsole(
  variables: Readonly<Record<string, string>> = {},
  otherHosts: readonly { host: string }[] = [],
): Promise<ConsoleTest> {
  const test = await startApp({}, { otherHosts, variables: { ...CONSOLE_VARIABLES, ...variables } });
  const server = (await test.app.listen(0, '127.0.0.1')) as Server;
  const { port } = server.address() as AddressInfo;
  const browser = await ConsoleBrowser.start(`http://127.0.0.1:${port}/console/`);
  return {
    test,
    browser,
    operatorSecret: OPERATOR_SECRET,
    async stop() {
      await browser.stop();
      await test.stop();
    },
  };
}

/** Chromium, with a console in it. */
export class ConsoleBrowser {
  private readonly visitors: BrowserVisitor[] = [];

  private constructor(
    private readonly browser: Browser,
    /** Of the console, with the slash at its end. */
    readonly url: string,
  ) {}

  /** `extension`: the folder of one that the browser has. */
  static async start(url: string, extension?: string): Promise<ConsoleBrowser> {
    const browser = await launch({
      executablePath: process.env['CHROMIUM'] ?? '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
      ...(extension !== undefined && { enableExtensions: [extension], pipe: true }),
    });
    return new ConsoleBrowser(browser, url);
  }

  /** A person whose browser has its extension. */
  aVisitorWithExtension(): BrowserVisitor {
    return this.added(new BrowserVisitor(this.browser.defaultBrowserContext(), this.url));
  }

  /** A person with cookies and a storage of their own. */
  async aVisitor(credentials?: SignIn): Promise<BrowserVisitor> {
    const visitor = this.added(new BrowserVisitor(await this.browser.createBrowserContext(), this.url));
    if (credentials) await visitor.signIn(credentials);
    return visitor;
  }

  private added(visitor: BrowserVisitor): BrowserVisitor {
    this.visitors.push(visitor);
    return visitor;
  }

  anOperator(name = 'Mira K.'): Promise<BrowserVisitor> {
    return this.aVisitor({ kind: 'operator_secret', secret: OPERATOR_SECRET, name });
  }

  aPartner({ apiKey }: { apiKey: string }): Promise<BrowserVisitor> {
    return this.aVisitor({ kind: 'api_key', apiKey });
  }

  /** Closes all pages. Throws what went wrong in them. */
  async closePages(): Promise<void> {
    const faults: string[] = [];
    for (const visitor of this.visitors) faults.push(...(await visitor.closePages()));
    if (faults.length > 0) throw new Error(`Pages of the console had faults:\n${faults.join('\n')}`);
  }

  stop(): Promise<void> {
    return this.browser.close();
  }
}

export class BrowserVisitor {
  private pages: ConsolePage[] = [];

  constructor(
    readonly context: BrowserContext,
    private readonly url: string,
  ) {}

  /** As the sign-in page does it. */
  async signIn(credentials: SignIn): Promise<void> {
    const { page } = await this.open('');
    const status = await page.evaluate(async (body) => {
      const headers = { 'content-type': 'application/json', 'x-nft-console': '1' };
      return (await fetch('api/session', { method: 'POST', headers, body })).status;
    }, JSON.stringify(credentials));
    if (status !== 200) throw new Error(`Signing in to the console failed with status ${status}`);
    await this.closePages();
  }

  async closePages(): Promise<string[]> {
    const faults = this.pages.flatMap((page) => page.faults);
    for (const { page } of this.pages) if (!page.isClosed()) await page.close();
    this.pages = [];
    return faults;
  }

  /** Opens a path below that of the console. */
  async open(path: string, options: ConsolePageOptions = {}): Promise<ConsolePage> {
    const { viewport = WIDTHS.desktop, theme = 'light', before, functions = {}, javaScript = true, slowdown } = options;
    const page = await this.context.newPage();
    const opened = new ConsolePage(page, this.url);
    this.pages.push(opened);
    await page.setViewport(viewport);
    await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: theme }]);
    await page.evaluateOnNewDocument(REPORT_VIOLATIONS);
    if (before !== undefined) await page.evaluateOnNewDocument(before);
    for (const [name, call] of Object.entries(functions)) await page.exposeFunction(name, call);
    if (!javaScript) await page.setJavaScriptEnabled(false);
    if (slowdown !== undefined) await page.emulateCPUThrottling(slowdown);
    await page.goto(this.url + path);
    return opened;
  }
}

/** A page, and what went wrong in it. */
export class ConsolePage {
  /**
   * Exceptions, errors on the browser's console, which include reports of the policy, requests to other origins, and responses without
   * the headers of the console.
   */
  readonly faults: string[] = [];
  /** Requests to the console's endpoints so far: method and path. */
  readonly calls: string[] = [];

  constructor(
    readonly page: Page,
    private readonly url: string,
  ) {
    const { origin } = new URL(url);
    page.on('pageerror', (error) => this.faults.push(String(error)));
    page.on('console', (message) => {
      // Responses with an error status are part of some stories, and the browser reports each.
      const isResponse = message.text().startsWith('Failed to load resource: the server responded');
      if (message.type() === 'error' && !isResponse) this.faults.push(message.text());
    });
    page.on('request', (request) => {
      if (new URL(request.url()).origin !== origin) this.faults.push(`requested ${request.url()}`);
      const [, endpoint] = request.url().split(`${url}api/`);
      if (endpoint !== undefined) this.calls.push(`${request.method()} ${endpoint}`);
    });
    page.on('response', (response) => {
      // Not what a test responds with in place of the console.
      const isConsole = response.url().startsWith(url) && response.remoteAddress().port === Number(new URL(url).port);
      if (isConsole) this.faults.push(...wrongHeadersOf(response));
    });
  }

  /** Waits for a text anywhere on the page. */
  async shows(text: string | RegExp, timeout = 10_000): Promise<void> {
    const { source, flags } = typeof text === 'string' ? new RegExp(escapeRegExp(text)) : text;
    const isShown = (pattern: string, how: string) => new RegExp(pattern, how).test(document.body.innerText);
    // Not at each frame: a page behind another one has none.
    await this.page.waitForFunction(isShown, { timeout, polling: 50 }, source, flags).catch(async () => {
      throw new Error(`The page does not show ${String(text)}:\n${await this.text()}`);
    });
  }

  text(selector = 'body'): Promise<string> {
    return this.page.$eval(selector, (element: { innerText: string }) => element.innerText);
  }

  /** The texts of all elements that match. */
  texts(selector: string): Promise<string[]> {
    return this.page.$$eval(selector, (all: { innerText: string }[]) => all.map(({ innerText }) => innerText.trim()));
  }

  /** Clicks the button or link with this name. */
  async click(name: string, within = ''): Promise<void> {
    const selector = ['button', 'link', 'radio']
      .map((role) => `${within} ::-p-aria(${name}[role="${role}"])`)
      .join(', ');
    const element = await this.page.waitForSelector(selector, { visible: true, timeout: 10_000 });
    await element!.click();
  }

  /** Types into the field with this label, in place of what it has. */
  async fill(label: string, text: string): Promise<void> {
    const field = await this.page.waitForSelector(`::-p-aria(${label}[role="textbox"])`, {
      visible: true,
      timeout: 10_000,
    });
    await field!.click({ count: 3 });
    await field!.type(text);
  }

  path(): string {
    return this.page.url().slice(this.url.length - 1);
  }

  /** Nothing loads any more, and the page has more than its frame. */
  async isSettled(): Promise<void> {
    await this.page.waitForSelector('h1, dialog[open]', { timeout: 10_000 });
    await this.page.waitForFunction(() => document.querySelector('.grey, .fog') === null, {
      timeout: 10_000,
      polling: 50,
    });
  }

  /** What axe finds: WCAG 2.2 A and AA, and its best practices. */
  private async accessibilityFindings(isMainCovered: boolean): Promise<string[]> {
    await this.page.evaluate(axe.source);
    return this.page.evaluate(async (isCovered) => {
      const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
      const context = isCovered ? { exclude: ['main'] } : document;
      const { violations } = await window.axe.run(context, { runOnly: tags });
      return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(' | ')}`);
    }, isMainCovered);
  }

  /** Scripts, styles and handlers in the page itself. Widths that a script has set are none: they obey the policy. */
  private inlineParts(): Promise<string[]> {
    return this.page.evaluate(() => {
      const parts = [...document.querySelectorAll('*')].filter(
        (element) =>
          element.matches('style, script:not([src])') ||
          element.getAttributeNames().some((name) => name.startsWith('on')),
      );
      return parts.map((element) => `inline: ${element.outerHTML.slice(0, 200)}`);
    });
  }

  /** As somebody sets it in their browser, in which text has 16 pixels otherwise. Pictures of the whole page end it. */
  async setTextSize(pixels: number): Promise<void> {
    const session = await this.page.createCDPSession();
    await session.send('Page.setFontSizes', { fontSizes: { standard: pixels, fixed: pixels } });
  }

  /** As Windows does in its high-contrast themes. */
  async forceColours(): Promise<void> {
    const session = await this.page.createCDPSession();
    await session.send('Emulation.setEmulatedMedia', { features: [{ name: 'forced-colors', value: 'active' }] });
  }

  /** By how many pixels the page is wider than its window. */
  sidewaysScroll(): Promise<number> {
    return this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  }

  /** Of the whole page, unless the options say otherwise. */
  async screenshot(name: string, options: Pick<ScreenshotOptions, 'type' | 'fullPage'> = {}): Promise<void> {
    const { type = 'png', fullPage = true } = options;
    await mkdir(SCREENSHOTS, { recursive: true });
    // A larger picture than the window would end a text size that was set.
    await this.page.screenshot({
      path: `${SCREENSHOTS}${name}.${type}`,
      type,
      fullPage,
      captureBeyondViewport: fullPage,
    });
  }

  /** Keeps a screenshot of the page, settled unless it is to load for ever. Returns what axe finds, what has gone wrong in it, and whether it scrolls sideways. */
  async findings(
    screenshot: string,
    { isLoading = false, fullPage = true, isMainCovered = false }: FindingsOptions = {},
  ): Promise<string[]> {
    if (!isLoading) await this.isSettled();
    await this.screenshot(screenshot, { fullPage });
    const sideways = await this.sidewaysScroll();
    return [
      ...(await this.accessibilityFindings(isMainCovered)),
      ...(await this.inlineParts()),
      ...this.faults,
      ...(sideways > 0 ? [`scrolls sideways by ${sideways} pixels`] : []),
    ];
  }

  close(): Promise<void> {
    return this.page.close();
  }
}

const REPORT_VIOLATIONS = `addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
  console.error('broke the policy: ' + violatedDirective + ' ' + blockedURI);
});`;

function wrongHeadersOf(response: HTTPResponse): string[] {
  const headers = response.headers();
  const { pathname } = new URL(response.url());
  const expected: Readonly<Record<string, string>> =
    pathname.endsWith('/image') && response.ok()
      ? { ...CONSOLE_HEADERS, 'content-security-policy': PICTURE_POLICY }
      : CONSOLE_HEADERS;
  return Object.entries(expected)
    .filter(([name, value]) => headers[name] !== value)
    .map(([name]) => `${response.status()} ${pathname} has ${name}: ${headers[name]}`);
}

interface AxeResult {
  violations: { id: string; nodes: { target: string[] }[] }[];
}

function escapeRegExp(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
