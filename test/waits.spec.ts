import { globSync, readFileSync } from 'node:fs';
import ts from 'typescript';

const FILES = globSync('{test,libs,src}/**/*.ts', { exclude: ['**/node_modules/**'] });

/** Of a wait, in milliseconds: others need the processor, too. */
const MIN_TIMEOUT_MS = 10_000;

/** The lines with a wait for a state that leaves its timeout to Vitest, or that has a short one. */
function hastyWaits(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && /^(vi\.wait(Until|For)|expect\.poll)$/.test(node.expression.getText())) {
      if (!isPatient(node.arguments[1]))
        found.push(`${file}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** A number that is written out is judged; a name is not. */
function isPatient(options: ts.Expression | undefined): boolean {
  if (!options || !ts.isObjectLiteralExpression(options)) return options !== undefined;
  const timeout = options.properties.find((property) => property.name?.getText() === 'timeout');
  if (!timeout || !ts.isPropertyAssignment(timeout) || !ts.isNumericLiteral(timeout.initializer)) return !!timeout;
  return Number(timeout.initializer.text) >= MIN_TIMEOUT_MS;
}

it('a test that waits for a state says for how long, ten seconds or more: less is too short for a busy machine', () => {
  const waiting = FILES.map((file) => [file, readFileSync(file, 'utf8')] as const).filter(([, text]) =>
    /vi\.wait|expect\.poll/.test(text),
  );

  expect(waiting.length).toBeGreaterThan(20);
  expect(waiting.flatMap(([file, text]) => hastyWaits(file, text))).toEqual([]);
});

it.each([
  ['vi.waitUntil(() => isDone)', 1],
  ['vi.waitFor(async () => expect(await read()).toBe(1), { interval: 10 })', 1],
  ['vi.waitUntil(() => isDone, { timeout: 3000 })', 1],
  ['expect.poll(read, { timeout: 9_999 }).toBe(1)', 1],
  ['expect.poll(read).toBe(1)', 1],
  ['vi.waitUntil(() => isDone, { timeout: 10_000, interval: 10 })', 0],
  ['vi.waitUntil(() => isDone, PATIENTLY)', 0],
  ['vi.waitUntil(() => isDone, { timeout })', 0],
])('in `%s`, %d waits are too short', (text, count) => {
  expect(hastyWaits('any.ts', text)).toHaveLength(count);
});
