import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { MUTATIONS } from './mutations.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const VITEST = join(ROOT, 'node_modules/vitest/vitest.mjs');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mutations-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Report {
  testResults: { assertionResults: { title: string; status: string }[] }[];
}

/** How the tests of these suites with these titles have ended. */
async function run(suites: readonly string[], titles: readonly string[], mutation = ''): Promise<string[]> {
  const report = join(folder, `${mutation || 'none'}.json`);
  const pattern = titles.map((title) => title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const options = ['--project=unit', '--project=e2e', '--reporter=json', `--outputFile=${report}`];
  await promisify(execFile)(process.execPath, [VITEST, 'run', ...suites, ...options, `--testNamePattern=${pattern}`], {
    cwd: ROOT,
    env: { ...process.env, MUTATION: mutation },
    maxBuffer: Infinity,
    // Fails if a test fails, which is what is asked here.
  }).catch(() => undefined);
  const { testResults } = JSON.parse(await readFile(report, 'utf8')) as Report;
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .flatMap(({ status }) => (status === 'passed' || status === 'failed' ? [status] : []));
}

it('each of the tests passes without a mutation', async () => {
  const suites = [...new Set(MUTATIONS.map(({ suite }) => suite))];
  const titles = [...new Set(MUTATIONS.map(({ title }) => title))];

  const statuses = await run(suites, titles);

  expect(statuses.length).toBeGreaterThanOrEqual(titles.length);
  expect(new Set(statuses)).toEqual(new Set(['passed']));
});

it.each(MUTATIONS.map(({ promise, suite, title }, index) => [promise, suite, title, String(index)] as const))(
  'a test fails if this is not kept: %s',
  async (_, suite, title, index) => {
    expect(await run([suite], [title], index)).toContain('failed');
  },
);
