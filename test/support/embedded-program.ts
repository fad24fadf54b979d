// A process that enters, queries and leaves an embedded PostgreSQL on commands of its parent.
import { Client } from 'pg';
import { enterEmbeddedPostgres, type EmbeddedServer } from '../../src/database/embedded-postgres.js';
import { stopSignal } from '../../src/stop-signal.js';

const [folder = ''] = process.argv.slice(2);
const stopping = stopSignal();
let entering: Promise<EmbeddedServer> | undefined;

const commands = {
  async enter(): Promise<void> {
    entering = enterEmbeddedPostgres(folder, ['fsync=off'], stopping);
    await entering;
  },
  /** The start time of the server, which identifies it. */
  async query(): Promise<string> {
    const server = await entering!;
    const client = new Client({ connectionString: await server.databaseUrl('postgres') });
    await client.connect();
    const { rows } = await client.query<{ startedAt: string }>(
      'select pg_postmaster_start_time()::text as "startedAt"',
    );
    await client.end();
    return rows[0]!.startedAt;
  },
  async leave(): Promise<void> {
    await (await entering!).leave();
  },
};

process.on('message', (command: keyof typeof commands) => {
  const send = (message: object) => process.connected && process.send!(message);
  commands[command]().then(
    (result) => send({ result }),
    (error: Error) => send({ error: `${error.name}: ${error.message}` }),
  );
});
stopping.addEventListener('abort', () => void end());
process.once('disconnect', () => void end());
process.send!({ result: 'started' });

/** Leaves the server before the exit, as the service does. */
async function end(): Promise<void> {
  await entering?.then(
    (server) => server.leave(),
    () => {},
  );
  process.exit(0);
}
