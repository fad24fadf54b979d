import { globSync, readFileSync } from 'node:fs';
import ts from 'typescript';

const FILES = globSync('{test,libs,src}/**/*.ts', { exclude: ['**/node_modules/**'] });

/** The lines with a call of `vi.waitUntil` or `vi.waitFor` that leaves its timeout to Vitest. */
function waitsWithoutTimeout(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^vi\.wait(Until|For)$/.test(node.expression.getText())) {
      const [, options] = node.arguments;
      const isGiven = options && (!ts.isObjectLiteralExpression(options) || /\btimeout\b/.test(options.getText()));
      if (!isGiven) found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

it('a test that waits for a state says for how long: Vitest’s second is too short for a busy machine', () => {
  const waiting = FILES.map((file) => [file, readFileSync(file, 'utf8')] as const).filter(([, text]) =>
    text.includes('vi.wait'),
  );

  expect(waiting.length).toBeGreaterThan(20);
  expect(waiting.flatMap(([file, text]) => waitsWithoutTimeout(file, text))).toEqual([]);
});

it.each([
  ['vi.waitUntil(() => isDone)', 1],
  ['vi.waitFor(async () => expect(await read()).toBe(1), { interval: 10 })', 1],
  ['vi.waitUntil(() => isDone, { timeout: 10_000, interval: 10 })', 0],
  ['vi.waitUntil(() => isDone, PATIENTLY)', 0],
])('in `%s`, %d waits have no timeout', (text, count) => {
  expect(waitsWithoutTimeout('any.ts', text)).toHaveLength(count);
});
