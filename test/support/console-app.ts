import { ConsoleVisitor, OPERATOR_SECRET } from './console.js';
import { startApp, type TestApp } from './start-app.js';

/** With them, the service has a console. */
export const CONSOLE_VARIABLES = { CONSOLE: 'on', CONSOLE_OPERATOR_SECRET: OPERATOR_SECRET };

export interface ConsoleApp {
  test: TestApp;
  /** Has signed in. */
  operator: ConsoleVisitor;
}

/** As `startApp`, with a console and an operator in it. */
export async function startConsoleApp(
  options: Parameters<typeof startApp>[0] = {},
  { variables = {}, ...setup }: NonNullable<Parameters<typeof startApp>[1]> = {},
): Promise<ConsoleApp> {
  const test = await startApp(options, { ...setup, variables: { ...CONSOLE_VARIABLES, ...variables } });
  return { test, operator: await new ConsoleVisitor(test.app).asOperator() };
}
