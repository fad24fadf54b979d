import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const textOf = (path: string) => readFileSync(`${root}${path}`, 'utf8');
const cases = new Set(
  [...textOf('docs/reference/field-cases.md').matchAll(/^(?:\| |- \*\*)([UADHS]\d+)(?: +\||\*\*)/gm)].map(
    ([, number]) => number!,
  ),
);
/** Numbers in round brackets at the end of titles, and in the rows of `it.each`. */
const tested = new Set(
  globSync(['libs/**/*spec.ts', 'test/**/*spec.ts'], { cwd: root }).flatMap((path) =>
    [...textOf(path).matchAll(/\(([UADHS]\d+(?:, [UADHS]\d+)*)\)/g)].flatMap(([, numbers]) => numbers!.split(', ')),
  ),
);

it('every case of docs/reference/field-cases.md has a test that names it', () => {
  expect(cases.size).toBeGreaterThan(50);
  expect([...cases].filter((number) => !tested.has(number))).toEqual([]);
});
