import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { MUTATIONS } from './mutations/mutations.js';
import { promisesReference } from './support/promises-reference.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = `${ROOT}docs/reference/promises.md`;

it('the page of promises says what the list of mutations says; `npm run reference:promises` writes it', async () => {
  const page = await format(promisesReference(), { ...(await resolveConfig(PAGE)), parser: 'markdown' });

  await expect(page).toMatchFileSnapshot(PAGE);
});

it.each(MUTATIONS.map((mutation) => [mutation.promise, mutation] as const))(
  'the code and the test of a promise exist: %s',
  (_, { file, find, replace, suite, title }) => {
    const [code, tests] = [file, suite].map((path) => readFileSync(ROOT + path, 'utf8'));

    expect(code!.split(find)).toHaveLength(2);
    expect(replace).not.toBe(find);
    expect(title).not.toBe('');
    expect(tests).toContain(title);
  },
);

it('each promise is listed once', () => {
  const promises = MUTATIONS.map(({ promise }) => promise);

  expect(promises.filter((promise, index) => promises.indexOf(promise) !== index)).toEqual([]);
});
