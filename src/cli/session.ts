import type { INestApplicationContext } from '@nestjs/common';
import type { Environment } from '../config/environment.js';
import type { Variables } from '../config/process-variables.js';
import type { Database } from '../database/open-database.js';
import type { Services } from './command.module.js';
import { confirm } from './confirmation.js';

/** The application of a command, without HTTP, opened on first use. */
export class Session {
  printsJson = false;
  /** The exit status if the command does not throw. */
  exitStatus = 0;
  private database: Promise<Database> | undefined;
  private opening: Promise<INestApplicationContext> | undefined;

  constructor(
    private readonly variables: Variables,
    /** Aborts when the command is to stop. */
    readonly stopping?: AbortSignal,
  ) {}

  /** A service of the application. */
  async get<Name extends keyof Services>(name: Name): Promise<Services[Name]> {
    this.opening ??= this.open();
    const [app, { services }] = await Promise.all([this.opening, import('./command.module.js')]);
    return app.get<Services[Name]>(services[name]);
  }

  /** Prints one JSON object with --json. Otherwise prints `lines`, or one line for each field. */
  print(result: Record<string, unknown>, lines?: readonly string[]): void {
    const shown = lines ?? Object.entries(result).map(([name, value]) => `${name}: ${String(value)}`);
    process.stdout.write(`${this.printsJson ? JSON.stringify(result) : shown.join('\n')}\n`);
  }

  /** Prints one JSON object with a list with --json. Otherwise prints one line for each result, or for each of `shown`. */
  printList(
    name: string,
    results: readonly Record<string, unknown>[],
    shown: readonly Record<string, unknown>[] = results,
  ): void {
    if (this.printsJson) return this.print({ [name]: results });
    const lines = shown.map((result) =>
      Object.entries(result)
        .map(([key, value]) => `${key}: ${String(value)}`)
        .join('  '),
    );
    process.stdout.write(lines.map((line) => `${line}\n`).join(''));
  }

  /** Call it before anything is destroyed. Throws an Error without confirmation. */
  async confirm(consequence: string, { yes = false }: { yes?: boolean | undefined }): Promise<void> {
    await confirm(consequence, yes);
  }

  /** Works also while the application is still being opened. */
  async close(): Promise<void> {
    // The statement of an abandoned command may run for minutes; it ends with its connection.
    const opening = this.stopping?.aborted ? undefined : this.opening;
    const [app, database] = await Promise.allSettled([opening, this.database]);
    if (app.status === 'fulfilled') await app.value?.close();
    if (database.status === 'fulfilled') await database.value?.leave();
  }

  /** Applies the missing migrations. Returns their names. */
  async migrate(): Promise<string[]> {
    const [{ migrate }, { Logger }, { url }] = await Promise.all([
      import('../database/migrations.js'),
      import('@nestjs/common'),
      this.openDatabase(await this.readEnvironment()),
    ]);
    Logger.overrideLogger(['error', 'fatal']);
    return migrate(url);
  }

  private async readEnvironment(): Promise<Environment> {
    // Loaded late, because `--help` and wrong options do not need it.
    const { readEnvironment } = await import('../config/environment.js');
    const environment = readEnvironment(this.variables);
    environment.warnings.forEach(note);
    return environment;
  }

  private async open(): Promise<INestApplicationContext> {
    const environment = await this.readEnvironment();
    const [{ NestFactory }, { EntityManager }, { CommandModule }, { migrate, isMigrated }, { url: databaseUrl }] =
      await Promise.all([
        import('@nestjs/core'),
        import('@mikro-orm/postgresql'),
        import('./command.module.js'),
        import('../database/migrations.js'),
        this.openDatabase(environment),
      ]);
    const module = CommandModule.forRoot({ ...environment, databaseUrl });
    const app = await NestFactory.createApplicationContext(module, { logger: ['error', 'fatal'], abortOnError: false });
    if (!(await isMigrated(app.get(EntityManager)))) await migrate(databaseUrl);
    return app;
  }

  private async openDatabase(environment: Environment): Promise<Database> {
    const { openDatabase } = await import('../database/open-database.js');
    this.database = openDatabase(environment, {
      onWaiting: ({ database, waitSeconds, error }) =>
        note(`waiting up to ${waitSeconds} seconds for the database at ${database}: ${error}`),
      onCreated: (folder) => note(`DATABASE_URL is not set: a new, empty database was created in ${folder}`),
      signal: this.stopping,
    });
    return this.database;
  }
}

/** Writes to stderr, because other programs may read what a command prints to stdout. */
function note(line: string): void {
  process.stderr.write(`${line}\n`);
}
