import type { INestApplicationContext, Type } from '@nestjs/common';
import { readEnvironment } from '../config/environment.js';
import type { Database } from '../database/open-database.js';
import { confirm } from './confirmation.js';

/** What a command works with: the application without HTTP, opened on first use. */
export class Session {
  printsJson = false;
  /** Of the process, when the command throws nothing. */
  exitStatus = 0;
  private database: Database | undefined;
  private app: INestApplicationContext | undefined;

  constructor(private readonly variables: Readonly<Record<string, string | undefined>>) {}

  /** A service of the application. */
  async get<T>(token: Type<T> | (abstract new (...args: never[]) => T)): Promise<T> {
    this.app ??= await this.open();
    return this.app.get(token as Type<T>);
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

  async close(): Promise<void> {
    await this.app?.close();
    await this.database?.leave();
  }

  private async open(): Promise<INestApplicationContext> {
    const environment = readEnvironment(this.variables);
    // Only now: `--help` and mistakes in options need nothing of it.
    const [{ NestFactory }, { AppModule }, { migrate }, { openDatabase }] = await Promise.all([
      import('@nestjs/core'),
      import('../app.module.js'),
      import('../database/migrations.js'),
      import('../database/open-database.js'),
    ]);
    this.database = await openDatabase(environment);
    // 'api': no schedule of ours runs; what has to be done, the command does.
    const module = AppModule.forRoot(
      { ...environment, databaseUrl: this.database.url, runMode: 'api' },
      { statementsTakeLong: true },
    );
    const app = await NestFactory.createApplicationContext(module, { logger: ['error', 'fatal'], abortOnError: false });
    await migrate(this.database.url);
    return app;
  }
}
