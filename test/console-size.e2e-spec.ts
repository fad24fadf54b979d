import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import manifest from '../package.json' with { type: 'json' };

const CONSOLE = fileURLToPath(new URL('../dist/libs/console/', import.meta.url));
const KB = 1000;

/** The files below a folder: path and content. */
function filesIn(folder: string): { name: string; content: Buffer }[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => ({
      name: join(parentPath, name).slice(folder.length),
      content: readFileSync(join(parentPath, name)),
    }));
}

const gzipped = (content: Buffer) => gzipSync(content, { level: 9 }).length;
const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);

const web = filesIn(join(CONSOLE, 'web/'));
const page = web.find(({ name }) => name === 'index.html')!.content.toString();
/** What the page names is loaded before anything is shown. */
const isFirst = ({ name }: { name: string }) => page.includes(name);
const scripts = web.filter(({ name }) => extname(name) === '.js');
const styles = web.filter(({ name }) => extname(name) === '.css');

it('the first load of the console is at most 60 kB of JavaScript and 12 kB of CSS, and a later part 25 kB [K49]', () => {
  const first = scripts.filter(isFirst);

  expect(first.length).toBeGreaterThan(1);
  expect(sum(first.map(({ content }) => gzipped(content)))).toBeLessThanOrEqual(60 * KB);
  expect(styles.length).toBeGreaterThan(0);
  expect(sum(styles.map(({ content }) => gzipped(content)))).toBeLessThanOrEqual(12 * KB);
  const later = scripts.filter((file) => !isFirst(file));
  expect(later.length).toBeGreaterThan(5);
  expect(later.filter(({ content }) => gzipped(content) > 25 * KB).map(({ name }) => name)).toEqual([]);
});

it('the web files of the console are at most 350 kB, and the package grows by at most 400 kB [K8]', () => {
  const packed = filesIn(CONSOLE);

  expect(sum(web.map(({ content }) => content.length))).toBeLessThanOrEqual(350 * KB);
  expect(sum(packed.map(({ content }) => gzipped(content)))).toBeLessThanOrEqual(400 * KB);
});

it('the console needs no package that the module does not need without it: its pages are built [K9]', () => {
  const compiled = filesIn(join(CONSOLE, 'src/')).filter(({ name }) => name.endsWith('.js'));
  const imported = compiled.flatMap(({ content }) =>
    [...content.toString().matchAll(/(?:from|import) ['"]((?:@[\w-]+\/)?[\w-]+)(?:\/[^'"]*)?['"]/g)].map(
      ([, name]) => name!,
    ),
  );
  const installed = Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies });

  expect(imported).toContain('zod');
  expect([...new Set(imported)].filter((name) => !installed.includes(name))).toEqual([]);
  expect(scripts.filter(({ content }) => /\b(?:from|import)\s*['"](?![./])/.test(content.toString()))).toEqual([]);
  const ofPages = ['preact', '@tanstack/preact-query', 'wouter-preact', 'vite'];
  expect(ofPages.filter((name) => installed.includes(name))).toEqual([]);
});
