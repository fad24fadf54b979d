import type { INestApplicationContext, Type } from '@nestjs/common';
import type { Variables } from '../config/process-variables.js';
import type { Database } from '../database/open-database.js';
import { confirm } from './confirmation.js';

/** What a command works with: the application without HTTP, opened on first use. */
export class Session {
  printsJson = false;
  /** Of the process, when the command throws nothing. */
  exitStatus = 0;
  private database: Promise<Database> | undefined;
  private opening: Promise<INestApplicationContext> | undefined;

  constructor(
    private readonly variables: Variables,
    private readonly stopping?: AbortSignal,
  ) {}

  /** A service of the application. */
  async get<T>(token: Type<T> | (abstract new (...args: never[]) => T)): Promise<T> {
    this.opening ??= this.open();
    return (await this.opening).get(token as Type<T>);
  }

  /** One JSON object with --json; readable lines otherwise, these or a line for each field. */
  print(result: Record<string, unknown>, lines?: readonly string[]): void {
    const shown = lines ?? Object.entries(result).map(([name, value]) => `${name}: ${String(value)}`);
    process.stdout.write(`${this.printsJson ? JSON.stringify(result) : shown.join('\n')}\n`);
  }

  /** One JSON object with one list with --json; a line for each otherwise. */
  printList(name: string, results: readonly Record<string, unknown>[]): void {
    if (this.printsJson) return this.print({ [name]: results });
    const lines = results.map((result) =>
      Object.entries(result)
        .map(([key, value]) => `${key}: ${String(value)}`)
        .join('  '),
    );
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  }

  /** Before anything is destroyed. Throws an Error when it is not confirmed. */
  async confirm(consequence: string, { yes = false }: { yes?: boolean | undefined }): Promise<void> {
    await confirm(consequence, yes);
  }

  /** Also while it is still being opened. */
  async close(): Promise<void> {
    // A statement that a command was broken off in may take minutes; it ends with its connection.
    const opening = this.stopping?.aborted ? undefined : this.opening;
    const [app, database] = await Promise.allSettled([opening, this.database]);
    if (app.status === 'fulfilled') await app.value?.close();
    if (database.status === 'fulfilled') await database.value?.leave();
  }

  private async open(): Promise<INestApplicationContext> {
    // Only now: `--help` and mistakes in options need nothing of it.
    const [{ NestFactory }, { readEnvironment }, { AppModule }, { migrate }, { openDatabase }] = await Promise.all([
      import('@nestjs/core'),
      import('../config/environment.js'),
      import('../app.module.js'),
      import('../database/migrations.js'),
      import('../database/open-database.js'),
    ]);
    const environment = readEnvironment(this.variables);
    environment.warnings.forEach(note);
    this.database = openDatabase(environment, {
      onWaiting: ({ database, waitSeconds, error }) =>
        note(`waiting up to ${waitSeconds} seconds for the database at ${database}: ${error}`),
      onCreated: (folder) => note(`DATABASE_URL is not set: a new, empty database was created in ${folder}`),
      signal: this.stopping,
    });
    const { url: databaseUrl } = await this.database;
    // 'api' runs no schedule: a command does its work itself.
    const module = AppModule.forRoot({ ...environment, databaseUrl, runMode: 'api' }, { statementsTakeLong: true });
    const app = await NestFactory.createApplicationContext(module, { logger: ['error', 'fatal'], abortOnError: false });
    await migrate(databaseUrl);
    return app;
  }
}

/** Beside what a command prints, which other programs may read. */
function note(line: string): void {
  process.stderr.write(`${line}\n`);
}
