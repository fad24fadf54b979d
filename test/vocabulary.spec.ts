import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const GLOSSARY = 'docs/reference/glossary.md';
const CODE = globSync('{src,libs,test,bench,examples}/**/*.{ts,mjs,js}', {
  cwd: ROOT,
  exclude: ['**/node_modules/**'],
});
const PROSE = globSync('{*.md,docs/**/*.md,.env.example,compose.yaml,Dockerfile}', { cwd: ROOT });

interface AvoidedTerm {
  /** `words` are the lower-case words of the name. */
  isIn(name: string, words: string): boolean;
  instead: string;
}

/** The table of the section "Words we do not use": terms in backquotes, what we say instead, and why. */
function avoidedTerms(): AvoidedTerm[] {
  const section = readFileSync(ROOT + GLOSSARY, 'utf8').split(/^## Words we do not use$/m)[1] ?? '';
  const rows = section.split(/^## /m, 1)[0]!.matchAll(/^\| (`.*?) +\| (.*?) +\|/gm);
  return [...rows].flatMap(([, terms, instead]) =>
    [...terms!.matchAll(/`([^`]+)`/g)].map(([, term]) => ({ isIn: matcherOf(term!), instead: instead! })),
  );
}

/**
 * `MOST_` and `_AT_ONCE` are the beginning and the end of constants. `guarded http` stands for GuardedHttp, guardedHttp,
 * guarded_http and guarded-http, and for their plurals.
 */
function matcherOf(term: string): (name: string, words?: string) => boolean {
  if (term.endsWith('_')) return (name) => name.startsWith(term);
  if (term.startsWith('_')) return (name) => name.endsWith(term);
  const phrase = new RegExp(`\\b${wordsOf(term)}s?\\b`);
  return (name, words = wordsOf(name)) => phrase.test(words);
}

function wordsOf(name: string): string {
  return name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/[^A-Za-z0-9]+/g, ' ')
    .trim()
    .toLowerCase();
}

/** Every identifier of a program. Names inside strings and comments are found as those of prose are. */
function* identifiersOf(code: string): Generator<string> {
  const file = ts.createSourceFile('any.ts', code, ts.ScriptTarget.Latest);
  const nodes: ts.Node[] = [file];
  for (let node = nodes.pop(); node; node = nodes.pop()) {
    if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) yield node.text;
    ts.forEachChild(node, (child) => void nodes.push(child));
  }
}

/** Names of columns, files, options and the like: words that are joined by a hyphen, an underscore or a capital. */
function compoundNamesOf(text: string): string[] {
  return text.match(/\b[A-Za-z][a-z0-9]*(?:[_-][A-Za-z0-9]+|[A-Z][A-Za-z0-9]*)+\b/g) ?? [];
}

function usesIn(names: Iterable<string>, terms: readonly AvoidedTerm[]): string[] {
  return [...new Set(names)].flatMap((name) => {
    const words = wordsOf(name);
    return terms.filter((term) => term.isIn(name, words)).map(({ instead }) => `${name}: say ${instead}`);
  });
}

it('the glossary lists the words that we do not use', () => {
  expect(avoidedTerms().length).toBeGreaterThan(40);
});

it('a name is found however its words are joined', () => {
  const names = ['GuardedHttp', 'aGuardedHttpClient', 'guarded_http', 'guarded-https', 'http', 'unguardedHttp'];

  expect(names.filter((name) => matcherOf('guarded http')(name))).toEqual(names.slice(0, 4));
  expect(['MOST_TRIES', 'AT_MOST', 'almost'].filter((name) => matcherOf('MOST_')(name))).toEqual(['MOST_TRIES']);
  expect(['ROWS_AT_ONCE', 'AT_ONCE_MORE'].filter((name) => matcherOf('_AT_ONCE')(name))).toEqual(['ROWS_AT_ONCE']);
});

it('no name in code or documentation contains a word that we gave up', () => {
  const terms = avoidedTerms();
  const uses = [...CODE, ...PROSE]
    .filter((path) => path !== GLOSSARY && path !== 'test/vocabulary.spec.ts')
    .flatMap((path) => {
      const text = readFileSync(ROOT + path, 'utf8');
      const isCode = /\.(ts|mjs|js)$/.test(path);
      // dns2 calls the records of a response so.
      const isForeign = (name: string) => text.includes("from 'dns2'") && name === 'answers';
      const names = [path, ...compoundNamesOf(text), ...(isCode ? identifiersOf(text) : [])];
      return usesIn(
        names.filter((name) => !isForeign(name)),
        terms,
      ).map((use) => `${path}: ${use}`);
    });

  expect(uses).toEqual([]);
}, 60_000);
