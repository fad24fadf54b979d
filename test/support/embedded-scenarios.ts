import { randomBytes } from 'node:crypto';
import { delay } from './crash-test.js';
import { EmbeddedProcess, expectNoServer, runEmbedded, untilRunning, type Step } from './embedded-process.js';

/** Two running processes that do not use the server yet. */
async function twoProcesses(folder: string): Promise<[EmbeddedProcess, EmbeddedProcess]> {
  return Promise.all([EmbeddedProcess.start(folder), EmbeddedProcess.start(folder)]);
}

export async function enterTogetherAndLeave(folder: string): Promise<void> {
  const [first, second] = await twoProcesses(folder);
  await Promise.all([first.enter(), second.enter()]);
  const server = await first.query();

  expect(await second.query()).toBe(server);
  await first.leave();
  expect(await second.query()).toBe(server);
  await second.leave();
  await expectNoServer(folder);
  await Promise.all([first.end('SIGTERM'), second.end('SIGTERM')]);
}

export async function enterWhileTheLastLeaves(folder: string, afterMs: readonly number[]): Promise<void> {
  let [last, next] = await twoProcesses(folder);
  await last.enter();
  for (const milliseconds of afterMs) {
    await Promise.all([last.leave(), delay(milliseconds).then(() => next.enter())]);
    expect(await next.query()).toBeTruthy();
    [last, next] = [next, last];
  }
  await Promise.all([last.end('SIGTERM'), next.end('SIGTERM')]);
  await expectNoServer(folder);
}

export async function killOneOfTwo(folder: string): Promise<void> {
  const [killed, left] = await twoProcesses(folder);
  await Promise.all([killed.enter(), left.enter()]);
  const server = await left.query();
  await killed.end('SIGKILL');

  expect(await left.query()).toBe(server);
  await left.leave();
  await expectNoServer(folder);
  await left.end('SIGTERM');
}

/** A moment during the start of a process: some time after a PostgreSQL program has started. */
export interface Moment {
  runs: Step;
  afterMs: number;
}

async function reach(folder: string, { runs, afterMs }: Moment): Promise<void> {
  await untilRunning(folder, runs);
  await delay(afterMs);
}

export async function killTheOneThatStarts(folder: string, moment: Moment): Promise<void> {
  const [killed, next] = await twoProcesses(folder);
  const entering = killed.enter().catch(() => {});
  await reach(folder, moment);
  await killed.end('SIGKILL');
  await entering;

  await next.enter();
  expect(await next.query()).toBeTruthy();
  await next.end('SIGTERM');
  // The initdb of the killed process may still run. It fails, because its directory is gone.
  await expectNoServer(folder);
}

/** Sends the signal twice, as npm and the terminal do. */
export async function stopTheServiceThatStarts(
  folder: string,
  moment: Moment,
  signal: 'SIGTERM' | 'SIGINT',
): Promise<void> {
  const service = runEmbedded(folder, 'src/main.js');
  await reach(folder, moment);
  service.signal(signal);
  await delay(20);
  service.signal(signal);

  expect({ status: await service.status(), output: service.output() }).toMatchObject({ status: 0 });
  await expectNoServer(folder);
}

export async function startTwoServices(folder: string): Promise<void> {
  const services = [runEmbedded(folder, 'src/main.js'), runEmbedded(folder, 'src/main.js')];
  await Promise.all(services.map((service) => service.prints('"msg":"ready"')));
  for (const service of services) service.signal('SIGTERM');

  expect(await Promise.all(services.map((service) => service.status()))).toEqual([0, 0]);
  await expectNoServer(folder);
}

/** The arguments of a command that uses the database and can run repeatedly. */
export function createProject(): string[] {
  return ['project', 'create', '--name', 'Studio', '--owner', `0x${randomBytes(20).toString('hex')}`, '--json'];
}

/** The last process to stop also stops the server. */
export async function startServiceAndCommand(folder: string, stopsFirst: 'service' | 'command'): Promise<void> {
  const service = runEmbedded(folder, 'src/main.js');
  const command = runEmbedded(folder, 'src/cli.js', ...createProject());
  await service.prints('"msg":"ready"');
  if (stopsFirst === 'service') service.signal('SIGTERM');

  expect({ status: await command.status(), output: command.output() }).toEqual({
    status: 0,
    // The command says so if it was the one that created the database.
    output: expect.stringMatching(
      /^(DATABASE_URL is not set: a new, empty database .*\n)?\{"project_id":"[^"]+"\}\n$/,
    ) as unknown,
  });
  service.signal('SIGTERM');
  expect(await service.status()).toBe(0);
  await expectNoServer(folder);
}
