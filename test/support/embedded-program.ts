// A process that uses an embedded PostgreSQL and does nothing else: it enters, queries and leaves when its parent says so.
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
  /** When the server was started, which no other server of the test was. */
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
  const response = (message: object) => process.connected && process.send!(message);
  commands[command]().then(
    (result) => response({ result }),
    (error: Error) => response({ error: `${error.name}: ${error.message}` }),
  );
});
stopping.addEventListener('abort', () => void end());
process.once('disconnect', () => void end());
process.send!({ result: 'started' });

/** As the service does: what a signal interrupts is undone first. */
async function end(): Promise<void> {
  await entering?.then(
    (server) => server.leave(),
    () => {},
  );
  process.exit(0);
}
