import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const EXCLUDED = /node_modules|^dist|^\.data|^bench\/node_modules/;
const PAGES = filesOf('**/*.md');
const SPECS = filesOf('{libs,src,test}/**/*spec.ts');
const CASE_TAGS = /\[([A-Z]\d[^\]'"`]*)\]/g;

it.each(PAGES)('every link of %s leads to a file and a heading that exist', (page) => {
  expect(linksOf(page).filter((link) => !resolves(page, link))).toEqual([]);
});

it('every page below docs is linked from another page', () => {
  const linked = new Set(PAGES.flatMap((page) => linksOf(page).map((link) => targetOf(page, link).path)));

  expect(PAGES.filter((page) => page.startsWith('docs/') && !linked.has(page))).toEqual([]);
});

it('every case that a test title names in square brackets is in docs/reference/cases.md', () => {
  const cases = read('docs/reference/cases.md');
  const tags = tagsOf(CASE_TAGS);

  expect(tags.length).toBeGreaterThan(200);
  expect(tags.filter((tag) => !new RegExp(`^\\| ${tag} `, 'm').test(cases))).toEqual([]);
});

it('every case Z1 to Z54 of a push has a test that names it [V14]', () => {
  const tags = tagsOf(CASE_TAGS);

  expect(Array.from({ length: 54 }, (_, index) => `Z${index + 1}`).filter((tag) => !tags.includes(tag))).toEqual([]);
});

it('every case K1 to K54 of the console has a test that names it, or a goal of the benchmark', () => {
  const goals = [...read('bench/console.mjs').matchAll(/text: [`'](K\d+): /g)].map(([, tag]) => tag!);
  const tags = [...tagsOf(CASE_TAGS), ...goals];

  expect(goals).toContain('K40');
  expect(Array.from({ length: 54 }, (_, index) => `K${index + 1}`).filter((tag) => !tags.includes(tag))).toEqual([]);
});

it('every case that a test title names in round brackets is in docs/reference/field-cases.md', () => {
  const cases = read('docs/reference/field-cases.md');
  const tags = tagsOf(/\(([A-Z]\d[^)'"`]*)\)(?=['"`])/g);

  expect(tags.length).toBeGreaterThan(30);
  expect(tags.filter((tag) => !new RegExp(`\\b${tag}\\b`).test(cases))).toEqual([]);
});

it('every log message is in docs/reference/logs.md', () => {
  const sources = filesOf('{libs,src}/**/*.ts').filter((path) => !SPECS.includes(path));
  const messages = sources.flatMap((path) =>
    [...read(path).matchAll(/\bmsg: '([^']+)'/g)].map(([, message]) => message!),
  );

  expect(messages.length).toBeGreaterThan(20);
  expect(messages.filter((message) => !read('docs/reference/logs.md').includes(`\`${message}\``))).toEqual([]);
});

it('every message in docs/reference/logs.md is logged', () => {
  const entries = [...read('docs/reference/logs.md').matchAll(/^- \*\*(`.*?`)\*\* \(/gm)].map(([, names]) => names!);
  const documented = entries.flatMap((names) => [...names.matchAll(/`([^`]+)`/g)].map(([, message]) => message!));
  const sources = filesOf('{libs,src}/**/*.ts').filter((path) => !SPECS.includes(path));
  const code = sources.map(read).join('\n');

  expect(documented.length).toBeGreaterThan(60);
  // `…` stands for a name that the message contains.
  expect(documented.filter((message) => !message.split('…').every((part) => code.includes(part)))).toEqual([]);
});

function filesOf(pattern: string): string[] {
  return globSync(pattern, { cwd: ROOT, exclude: (path) => EXCLUDED.test(path) }).toSorted();
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

/** The page without code, in which brackets mean something else. */
function proseOf(page: string): string {
  return read(page)
    .replaceAll(/^ *```.*?^ *```$/gms, '')
    .replaceAll(/`[^`\n]*`/g, (code) => code.replaceAll(/[[\]()]/g, ''));
}

/** Relative links only: no test depends on somebody else's server. */
function linksOf(page: string): string[] {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  return links.filter((link) => !/^[a-z]+:/.test(link));
}

function targetOf(page: string, link: string): { path: string; heading: string | undefined } {
  const [path, heading] = link.split('#');
  return { path: path ? normalize(join(dirname(page), path)) : page, heading };
}

function resolves(page: string, link: string): boolean {
  const { path, heading } = targetOf(page, link);
  if (!existsSync(join(ROOT, path))) return false;
  return heading === undefined || anchorsOf(path).includes(heading);
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  const headings = read(page)
    .replaceAll(/^ *```.*?^ *```$/gms, '')
    .matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, heading]) =>
    heading!
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** The tags of test titles, ranges such as A24–A30 written out. */
function tagsOf(pattern: RegExp): string[] {
  const tags = SPECS.flatMap((spec) => [...read(spec).matchAll(pattern)].flatMap(([, list]) => expand(list!)));
  return [...new Set(tags)];
}

function expand(list: string): string[] {
  return list.split(/, | and /).flatMap((part) => {
    const [, letter, first, last] = /^([A-Z])(\d+)(?:(?:–| to )[A-Z](\d+))?$/.exec(part) ?? [];
    if (!letter) return [];
    return Array.from(
      { length: Number(last ?? first) - Number(first) + 1 },
      (_, index) => letter + (Number(first) + index),
    );
  });
}
