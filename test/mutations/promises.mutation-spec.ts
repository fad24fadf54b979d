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

interface TestResult {
  title: string;
  status: string;
  failureMessages: string[];
}
interface Report {
  testResults: { assertionResults: TestResult[] }[];
}

/** How the tests of these suites with these titles have ended. */
async function run(suites: readonly string[], titles: readonly string[], mutation = ''): Promise<TestResult[]> {
  const report = join(folder, `${mutation || 'none'}.json`);
  const pattern = titles.map((title) => title.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('|');
  const options = ['--project=unit', '--project=e2e', '--reporter=json', `--outputFile=${report}`];
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    [VITEST, 'run', ...suites, ...options, `--testNamePattern=${pattern}`],
    { cwd: ROOT, env: { ...process.env, MUTATION: mutation }, maxBuffer: Infinity },
    // Fails if a test fails, which is what is asked here.
  ).catch((error: { stdout: string; stderr: string }) => error);
  const text = await readFile(report, 'utf8').catch(() => {
    throw new Error(`Vitest has written no report of ${suites.join(', ')}. It printed: ${stdout}${stderr}`);
  });
  return (JSON.parse(text) as Report).testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'passed' || status === 'failed');
}

it('each of the tests passes without a mutation', async () => {
  const suites = [...new Set(MUTATIONS.map(({ suite }) => suite))];
  const titles = [...new Set(MUTATIONS.map(({ title }) => title))];

  const results = await run(suites, titles);

  expect(titles.filter((part) => !results.some(({ title }) => title.includes(part)))).toEqual([]);
  const failed = results.filter(({ status }) => status === 'failed');
  expect(failed.map(({ title, failureMessages }) => [title, ...failureMessages].join('\n'))).toEqual([]);
});

it.each(MUTATIONS.map(({ promise, suite, title }, index) => [promise, suite, title, String(index)] as const))(
  'a test fails if this is not kept: %s',
  async (_, suite, title, index) => {
    expect((await run([suite], [title], index)).map(({ status }) => status)).toContain('failed');
  },
);
