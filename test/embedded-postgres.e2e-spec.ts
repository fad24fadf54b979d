import { chown, lstat, mkdir, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { enterEmbeddedPostgres } from '../src/database/embedded-postgres.js';
import { serverUser } from '@app/postgres-programs';
import { createReadableFolder, expectNoServer } from './support/embedded-process.js';

let folder: string;
const data = () => join(folder, 'data');
const pidFile = () => join(folder, 'data', 'postmaster.pid');
const password = () => join(folder, 'password');

describe('the embedded server', () => {
  beforeAll(async () => {
    folder = await createReadableFolder();
  });
  afterEach(async () => {
    await expectNoServer(folder);
  });
  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it('an embedded server that was killed can be left and started again', async () => {
    const server = await enterEmbeddedPostgres(folder);
    await kill(await server.databaseUrl('postgres'));

    await expect(server.leave()).resolves.toBeUndefined();
    const again = await enterEmbeddedPostgres(folder);
    await expect(again.databaseUrl('postgres')).resolves.toBeTruthy();
    await again.leave();
  });

  it.each([
    ['has now been given to another process', String(process.pid)],
    ["has now been given to another user's process", '1'],
    ['nobody has', '4194300'],
  ])('an embedded server starts again where a crash left a postmaster.pid whose process id %s', async (_, pid) => {
    const server = await enterEmbeddedPostgres(folder);
    await kill(await server.databaseUrl('postgres'));
    await server.leave();
    await writeFile(pidFile(), (await readFile(pidFile(), 'utf8')).replace(/^\d+/, pid));

    const again = await enterEmbeddedPostgres(folder);

    await expect(again.databaseUrl('postgres')).resolves.toBeTruthy();
    await again.leave();
  });

  it('an embedded server that was killed while a process uses it is not started again by another process', async () => {
    const server = await enterEmbeddedPostgres(folder);
    await kill(await server.databaseUrl('postgres'));

    await expect(enterEmbeddedPostgres(folder)).rejects.toThrow(/another process is using it/);
    await server.leave();
  });

  it('an embedded server is stopped by the last process that leaves, whatever other clients are connected', async () => {
    const server = await enterEmbeddedPostgres(folder);
    const client = new Client({ connectionString: await server.databaseUrl('postgres') });
    client.on('error', () => {});
    await client.connect();
    const ended = new Promise((done) => client.once('end', done));

    await server.leave();

    await ended;
    await expectNoServer(folder);
  });

  it('an embedded server reports a replaced password file', async () => {
    const ours = await readFile(password());
    await writeFile(password(), 'another');

    const server = await enterEmbeddedPostgres(folder);

    await expect(server.databaseUrl('postgres')).rejects.toThrow(/its password file does not belong to its data/);
    await server.leave();
    await writeFile(password(), ours);
  });
});

describe('refused folders', () => {
  beforeEach(async () => {
    folder = await createReadableFolder();
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it.each<[string, RegExp, () => Promise<unknown>]>([
    ['with other files', /files that are not ours \(notes\.txt\)/, () => writeFile(join(folder, 'notes.txt'), 'mine')],
    [
      'that is a data directory itself',
      /files that are not ours \(PG_VERSION, base\)/,
      () => Promise.all([writeFile(join(folder, 'PG_VERSION'), '18\n'), mkdir(join(folder, 'base'))]),
    ],
    ['with a file named data', /data\/ is not a PostgreSQL data directory/, () => writeFile(data(), 'mine')],
    [
      'with a data/ that has other files',
      /data\/ is not a PostgreSQL data directory \(it has photo\.png\)/,
      async () => {
        await mkdir(data());
        await writeFile(join(data(), 'photo.png'), 'mine');
      },
    ],
    [
      'with data of another version',
      /it holds the data of PostgreSQL 15, and this is PostgreSQL 18/,
      async () => {
        await makeData('15');
        await writeFile(password(), 'secret');
      },
    ],
    ['with data that was not made here', /no password beside it/, () => makeData('18')],
    [
      "with another user's data",
      /data\/ belongs to the user id \d+, and PostgreSQL runs as/,
      async () => {
        if (serverUser().uid !== undefined) return makeData('18', 12_345);
        return symlink(process.platform === 'darwin' ? '/var/root' : '/root', data());
      },
    ],
  ])('the embedded PostgreSQL refuses a folder and leaves it unchanged: %s', async (_, message, prepare) => {
    await prepare();
    const before = await contents(folder);

    const entering = enterEmbeddedPostgres(folder);

    await expect(entering).rejects.toThrow(message);
    await expect(entering).rejects.toThrow(`The embedded PostgreSQL cannot use ${folder}`);
    expect(await contents(folder)).toEqual(before);
  });

  it('the embedded PostgreSQL refuses a folder that is a file, and leaves it unchanged', async () => {
    const file = join(folder, 'file');
    await writeFile(file, 'mine');

    await expect(enterEmbeddedPostgres(file)).rejects.toThrow(/a file has its name/);
    expect(await readFile(file, 'utf8')).toBe('mine');
  });
});

/** Kills the server as a power failure does: its postmaster.pid stays. */
async function kill(databaseUrl: string): Promise<void> {
  const left = await readFile(pidFile());
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => {});
  await client.connect();
  const ended = new Promise((done) => client.once('end', done));
  process.kill(Number(String(left).split('\n', 1)[0]), 'SIGQUIT');
  await ended;
  await expectNoServer(folder);
  await writeFile(pidFile(), left);
}

/** What looks like a data directory of PostgreSQL's. */
async function makeData(version: string, uid?: number): Promise<void> {
  await mkdir(data(), { mode: 0o700 });
  await writeFile(join(data(), 'PG_VERSION'), `${version}\n`);
  const user = serverUser();
  if (user.uid !== undefined) await chown(data(), uid ?? user.uid, user.gid);
}

/** Every file below a folder, with all that can change of it. Links are not followed. */
async function contents(of: string): Promise<object[]> {
  const names = (await readdir(of)).toSorted();
  const files = names.map(async (name) => {
    const path = join(of, name);
    const file = await lstat(path);
    const { mode, uid, gid, size, mtimeMs } = file;
    return [{ path, mode, uid, gid, size, mtimeMs }, ...(file.isDirectory() ? await contents(path) : [])];
  });
  return (await Promise.all(files)).flat();
}
