// A Redis server for BullMQ with the durability that its documentation recommends; null if redis-server is not installed.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { onCleanUp } from './clean-up.mjs';
import { cpuSecondsOfTree } from './processes.mjs';

const DURABILITY = ['--appendonly', 'yes', '--appendfsync', 'everysec', '--maxmemory-policy', 'noeviction'];

export async function startRedis() {
  const version = installedVersion();
  if (!version) return null;
  const folder = mkdtempSync(join(tmpdir(), 'bench-redis-'));
  const port = await freePort();
  const options = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder];
  const server = spawn('redis-server', [...options, ...DURABILITY], { stdio: 'ignore' });
  const exited = new Promise((done) => server.once('exit', done));
  onCleanUp(async () => {
    server.kill('SIGTERM');
    await exited;
    rmSync(folder, { recursive: true, force: true });
  });
  const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null });
  client.on('error', () => {}); // ioredis reconnects until the server listens
  await client.ping();
  client.disconnect();
  return { port, version, cpuSeconds: () => cpuSecondsOfTree(server.pid) };
}

function installedVersion() {
  try {
    return /v=(\S+)/.exec(execFileSync('redis-server', ['--version'], { encoding: 'utf8' }))?.[1];
  } catch {
    return null;
  }
}

async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}
