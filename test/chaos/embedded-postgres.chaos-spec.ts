import { rm } from 'node:fs/promises';
import { rounds } from '../support/crash-test.js';
import { createReadableFolder, stopPrograms, expectNoServer } from '../support/embedded-process.js';
import {
  enterTogetherAndLeave,
  enterWhileTheLastLeaves,
  killOneOfTwo,
  killTheOneThatStarts,
  startServiceAndCommand,
  startTwoServices,
  stopTheServiceThatStarts,
} from '../support/embedded-scenarios.js';

// The moment at which two processes meet, or a signal comes, differs in every round.
const each = rounds(5);

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
  it.each(each)('two processes on the embedded PostgreSQL share one server, in round %i', async () => {
    await enterTogetherAndLeave(folder);
    await enterTogetherAndLeave(folder);
  });

  it('two processes on the embedded PostgreSQL get a server when one starts while the other, the last one, leaves', async () => {
    await enterWhileTheLastLeaves(
      folder,
      each.map((round) => round * 10),
    );
  });

  it.each(each)(
    'two processes on the embedded PostgreSQL keep the server when one of them is killed, in round %i',
    async () => {
      await killOneOfTwo(folder);
    },
  );

  it.each(each)(
    'two processes on the embedded PostgreSQL: if one is killed while it starts, the other one starts, in round %i',
    async (round) => {
      await killTheOneThatStarts(folder, { runs: 'initdb', afterMs: round * 60 });
    },
  );
});

describe('the service on the embedded PostgreSQL', () => {
  it.each(each)(
    'the service on the embedded PostgreSQL stopped before it is ready leaves no server, in round %i',
    async (round) => {
      await stopTheServiceThatStarts(folder, { runs: 'initdb', afterMs: round * 100 }, 'SIGTERM');
    },
  );

  it.each(each)('the service on the embedded PostgreSQL starts beside a second service, in round %i', async () => {
    await startTwoServices(folder);
    await startTwoServices(folder);
  });

  it.each(each)('the service on the embedded PostgreSQL starts beside the command line, in round %i', async (round) => {
    await startServiceAndCommand(folder, round % 2 ? 'service' : 'command');
    await startServiceAndCommand(folder, round % 2 ? 'command' : 'service');
  });
});
