import { mkdtemp, chmod, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { enterEmbeddedPostgres } from '../src/database/embedded-postgres.js';

it('an embedded server that was killed can be left', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nft-refresh-test-'));
  await chmod(folder, 0o755);
  const server = await enterEmbeddedPostgres(folder);
  const client = new Client({ connectionString: await server.databaseUrl('postgres') });
  client.on('error', () => {});
  await client.connect();
  const { rows } = await client.query<{ folder: string }>('select current_setting($1) as folder', ['data_directory']);
  const pid = Number((await readFile(join(rows[0]!.folder, 'postmaster.pid'), 'utf8')).split('\n', 1)[0]);
  const ended = new Promise((done) => client.once('end', done));

  process.kill(pid, 'SIGQUIT');
  await ended;
  await vi.waitUntil(() => isGone(pid), { timeout: 30_000 });

  await expect(server.leave()).resolves.toBeUndefined();
  await server.remove();
  await rm(folder, { recursive: true, force: true });
});

function isGone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}
