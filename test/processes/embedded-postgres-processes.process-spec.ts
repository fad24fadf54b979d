import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  createReadableFolder,
  stopPrograms,
  expectNoServer,
  runEmbedded,
  untilRunning,
} from '../support/embedded-process.js';
import {
  createProject,
  enterTogetherAndLeave,
  enterWhileTheLastLeaves,
  killOneOfTwo,
  killTheOneThatStarts,
  startServiceAndCommand,
  startTwoServices,
  stopTheServiceThatStarts,
} from '../support/embedded-scenarios.js';

// A short cut of test/chaos/embedded-postgres.chaos-spec.ts, which has twenty rounds of each.

let folder: string;
beforeEach(async () => {
  folder = await createReadableFolder();
});
afterEach(async () => {
  await stopPrograms();
  await expectNoServer(folder);
  await rm(folder, { recursive: true, force: true });
});

describe('two processes on the embedded PostgreSQL', () => {
  it('two processes on the embedded PostgreSQL share one server when they start together, in a fresh or an existing folder; the last one stops it', async () => {
    await enterTogetherAndLeave(folder);
    await enterTogetherAndLeave(folder);
  });

  it('two processes on the embedded PostgreSQL get a server when one starts while the last other one leaves', async () => {
    await enterWhileTheLastLeaves(folder, [0, 10, 20, 40, 80]);
  });

  it('two processes on the embedded PostgreSQL keep the server when one of them is killed, until the other one leaves', async () => {
    await killOneOfTwo(folder);
  });

  it.each(['initdb', 'pg_ctl'] as const)(
    'two processes on the embedded PostgreSQL start although one of them is killed during %s',
    async (runs) => {
      await killTheOneThatStarts(folder, { runs, afterMs: 0 });
    },
  );
});

describe('the service on the embedded PostgreSQL', () => {
  it.each([
    { runs: 'initdb', signal: 'SIGTERM' },
    { runs: 'pg_ctl', signal: 'SIGINT' },
    { runs: 'postgres', signal: 'SIGTERM' },
  ] as const)(
    'the service on the embedded PostgreSQL stopped by $signal while $runs runs for its start leaves no server',
    async ({ runs, signal }) => {
      await stopTheServiceThatStarts(folder, { runs, afterMs: 0 }, signal);
    },
  );

  it('the service on the embedded PostgreSQL starts beside a second service in a fresh folder, and beside the command line in an existing one', async () => {
    await startTwoServices(folder);
    await startServiceAndCommand(folder, 'service');
  });
});

it('a service with WORKERS=2 on the embedded PostgreSQL uses one server, which stops after the worker processes', async () => {
  await writeFile(join(folder, '.env'), 'WORKERS=2\n');
  const service = runEmbedded(folder, 'src/main.js');
  await service.prints('"msg":"ready"');
  service.signal('SIGTERM');

  expect(await service.status()).toBe(0);
  await expectNoServer(folder);
  expect(service.output().match(/"msg":"worker process started"/g)).toHaveLength(2);
  expect(service.output()).not.toContain('"level":"error"');
});

describe('Ctrl-C', () => {
  it('after Ctrl-C in a command, the embedded PostgreSQL has stopped', async () => {
    const command = runEmbedded(folder, 'src/cli.js', ...createProject());
    await untilRunning(folder, 'postgres');
    command.signal('SIGINT');
    command.signal('SIGINT');

    expect(await command.status()).toBe(130);
    await expectNoServer(folder);
  });

  it.each(['Starting an embedded PostgreSQL', 'First refresh'])(
    'after Ctrl-C in the demonstration, after "%s", the embedded PostgreSQL has stopped',
    async (line) => {
      const demo = runEmbedded(folder, 'src/demo/main.js');
      await demo.prints(line);
      demo.signal('SIGINT');
      demo.signal('SIGINT');

      expect(await demo.status()).toBe(130);
      await expectNoServer(folder);
    },
  );
});
