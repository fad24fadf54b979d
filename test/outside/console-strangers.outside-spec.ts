import {
  startConsole,
  WIDTHS,
  type BrowserVisitor,
  type ConsolePage,
  type ConsoleTest,
} from '../support/console-browser.js';
import { refreshOnce } from '../support/refresh-steps.js';
import type { TestApp, TestProject } from '../support/start-app.js';

/** What strangers write where a name, a trait, a URL or the body of an error belongs. */
const HOSTILE = {
  'an image with a handler': '<img src=x onerror="globalThis.ran = 1">',
  'the end of an attribute': '"><script>globalThis.ran = 1</script>',
  'the end of other elements': '</textarea></title></style><svg onload="globalThis.ran = 1">',
  'another base':
    '<base href="https://elsewhere.example/"><meta http-equiv="refresh" content="0;url=https://elsewhere.example/">',
  templates: '{{constructor.constructor("globalThis.ran = 1")()}}${globalThis.ran = 1}',
  'a javascript: URL': 'javascript:globalThis.ran=1',
  'a data: URL': 'data:text/html,<script>parent.ran = 1</script>',
  'a host that looks like another': 'https://аррӏе.example/%2e%2e/<script>',
  'a URL with credentials': 'https://user:password@elsewhere.example/',
  'a URL without a scheme': '//elsewhere.example/x.png',
  'text that turns the line around': 'left \u2066isolated\u2069 and \u202Egpj.exe',
  'text without width': 'zero\u200B width\u2060 \uFEFFand \u0007bell\u001B[31m',
  'line separators': '\u2028line\u2029separators',
  'stacked marks': 'Z\u0351\u036B\u0343\u036A\u0302\u036B\u033D\u034F\u0334A\u0334L\u0360G\u0334O',
  'a name of JavaScript': '__proto__',
  'joined emoji': '👨‍👩‍👧‍👦'.repeat(500),
  'a long word': 'x'.repeat(20_000),
  'wide letters': '\uFDFD'.repeat(200),
};
const TEXTS = Object.values(HOSTILE);
const GOOD = TEXTS.map((_, index) => String(index + 1));
const BROKEN = TEXTS.map((_, index) => String(index + 1001));

let running: ConsoleTest;
let test: TestApp;
let operator: BrowserVisitor;
let project: TestProject;
let refreshId: string;
beforeAll(async () => {
  running = await startConsole();
  ({ test } = running);
  operator = await running.browser.anOperator();
  project = await test.aProject({ tokens: [...GOOD, ...BROKEN] });
  TEXTS.forEach((text, index) => {
    test.metadataApi.respond(GOOD[index]!, 200, {
      name: text,
      description: text,
      image: text,
      external_url: text,
      animation_url: text,
      background_color: text,
      attributes: [{ trait_type: text, value: text }],
      [text]: text,
    });
    // Each for a reason of its own, so that each is the example of one.
    test.metadataApi.respond(BROKEN[index]!, 520 + index, text, { 'content-type': 'text/html' });
  });
  refreshId = await refreshOnce(test, project, [...GOOD, ...BROKEN]);
});
afterAll(() => running.stop());
afterEach(() => running.browser.closePages());

const tokenPath = (tokenId: string) => `tokens/1/${project.collectionAddress}/${tokenId}`;

/** What strangers have made of the page; empty: nothing. */
async function traces(page: ConsolePage): Promise<string[]> {
  await page.isSettled();
  const found = await page.page.evaluate(FIND_TRACES);
  const { elements, invisible, links } = found as Record<'elements' | 'invisible' | 'links', string[]>;
  const sideways = (await page.sidewaysScroll()) > 0 ? ['scrolls sideways'] : [];
  return [...elements, ...invisible, ...links, ...sideways, ...page.faults];
}

it.each(Object.keys(HOSTILE).map((name, index) => [name, GOOD[index]!, BROKEN[index]!]))(
  'on the pages of a token on a phone, %s is text: no element, no link of another kind, nothing invisible, and no wider than the page [K34]',
  async (_, good, broken) => {
    const paths = [
      tokenPath(good),
      `${tokenPath(good)}?tab=document`,
      `${tokenPath(good)}?tab=history`,
      tokenPath(broken),
      `${tokenPath(broken)}?tab=attempts`,
    ];
    for (const path of paths) {
      const page = await operator.open(path, { viewport: WIDTHS.phone });

      expect([path, await traces(page)]).toEqual([path, []]);
    }
  },
);

it('a warning about a field leads to its line of the document', async () => {
  const lines = Array.from({ length: 60 }, (_, index) => `"field ${index}": ${index},`);
  const document = ['{', '"name": "Lighthouse",', ...lines, '"image": "images/77.png"', '}'].join('\n');
  test.metadataApi.respond('77', 200, document);
  const other = await test.aProject({ tokens: ['77'] });
  await refreshOnce(test, other, ['77']);
  const page = await operator.open(`tokens/1/${other.collectionAddress}/77?tab=document`);
  await page.isSettled();

  expect(await page.texts('.doc > .hit')).toEqual([expect.stringMatching(/^63\s*"image": "images\/77.png"$/)]);
  await page.click('line 63');
  expect(await page.page.evaluate('document.activeElement.id')).toBe('line-63');
  expect(await page.page.evaluate('document.activeElement.getBoundingClientRect().top < innerHeight')).toBe(true);
  expect(await page.findings('token-warning-line')).toEqual([]);
});

it('a page on which strangers had made elements, links and invisible text would be found out', async () => {
  const page = await operator.open(tokenPath('1'));
  await page.isSettled();
  await page.page.evaluate(MAKE_TRACES);

  const found = await traces(page);

  expect(found.map((trace) => trace.split(' ', 1)[0])).toEqual(['a', 'element', 'invisible', 'link', 'scrolls']);
});

it('on the page of a refresh, names and the bodies of errors by strangers are text [K34]', async () => {
  for (const path of [`refreshes/${refreshId}`, `refreshes/${refreshId}?verdict=failed`]) {
    const page = await operator.open(path);
    await page.page.waitForSelector('.fixes li');

    expect([path, await traces(page)]).toEqual([path, []]);
    expect(await page.texts('.fixes li')).toHaveLength(TEXTS.length);
    expect(await page.text('.fixes')).toContain('It sent: <img src=x onerror="globalThis.ran = 1">');
  }
  const page = await operator.open(`refreshes/${refreshId}?verdict=updated`);
  await page.page.waitForSelector('[aria-labelledby=tokens] tbody tr');
  expect(await traces(page)).toEqual([]);
  expect(await page.text('[aria-labelledby=tokens] tbody')).toContain('"><script>globalThis.ran = 1</script>');
});

it('on the page of failures, the texts of strangers are text [K34]', async () => {
  const page = await operator.open('failures?since=1h&reason=status_520');
  await page.isSettled();

  expect(await traces(page)).toEqual([]);
});

/** The marks of what the texts of strangers could do, in the words of the browser. */
const FIND_TRACES = `({
  elements: [
    ...(globalThis.ran === undefined ? [] : ['a script ran']),
    ...[...document.querySelectorAll('main script, main style, main iframe, main img, main meta, main base, main object, main embed, main [onload], main [onerror]')]
      .map((element) => 'element ' + element.outerHTML.slice(0, 100)),
  ],
  invisible: (document.body.innerText.match(/[\\u0000-\\u0008\\u000B\\u000C\\u000E-\\u001F\\u007F-\\u009F\\u061C\\u200B\\u200E\\u200F\\u2028-\\u202E\\u2060-\\u2069\\uFEFF]/g) ?? [])
    .map((character) => 'invisible U+' + character.codePointAt(0).toString(16)),
  links: [...document.querySelectorAll('a[href]')]
    .filter(({ href, origin }) => !/^https?:/.test(href) || (origin !== location.origin && !/^[\\x21-\\x7e]+$/.test(href)))
    .map(({ href }) => 'link ' + href.slice(0, 100)),
})`;

const MAKE_TRACES = `{
  globalThis.ran = 1;
  const main = document.querySelector('main');
  const add = (name, properties) => main.append(Object.assign(document.createElement(name), properties));
  add('img', {});
  add('a', { href: 'javascript:0' });
  add('p', { textContent: '\\u202E' });
  add('div', { style: 'width: 5000px; height: 1px' });
}`;
