import { Command, CommanderError } from 'commander';
import { StopRequested, unlessAborted } from '../stop-signal.js';
import { addApiKeyCommands } from './api-key.commands.js';
import { addCollectionCommands } from './collection.commands.js';
import { addProjectCommands } from './project.commands.js';
import { addRefreshCommand } from './refresh.command.js';
import { Session } from './session.js';
import { addTraitsCommands } from './traits.commands.js';
import { addWebhookCommands } from './webhook.commands.js';

/**
 * Runs one command and returns the exit status. A mistake prints one line and returns 1. When `stopping` aborts, breaks
 * the command off, and returns what a shell reports for the signal; the process is to end then.
 */
export async function runCommandLine(
  args: readonly string[],
  variables: Readonly<Record<string, string | undefined>>,
  stopping?: AbortSignal,
): Promise<number> {
  const session = new Session(variables, stopping);
  try {
    await unlessAborted(stopping, program(session).parseAsync(args, { from: 'user' }));
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1; // commander has said it already
    if (error instanceof StopRequested) return error.exitStatus;
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await session.close();
  }
}

function program(session: Session): Command {
  const cli = new Command('cli')
    .description(
      'Projects, API keys, collections, refreshes and webhooks, from the command line. Works whether or not the service runs.',
    )
    .showSuggestionAfterError()
    .hook('preAction', (_, action) => {
      session.printsJson = action.opts<{ json?: boolean }>().json === true;
    });
  addProjectCommands(cli, session);
  addApiKeyCommands(cli, session);
  addCollectionCommands(cli, session);
  addRefreshCommand(cli, session);
  addTraitsCommands(cli, session);
  addWebhookCommands(cli, session);
  makeMistakesThrow(cli);
  return cli;
}

/** Commander would end the process by itself; for subcommands it has to be told again. */
function makeMistakesThrow(command: Command): void {
  command.exitOverride();
  for (const subcommand of command.commands) makeMistakesThrow(subcommand);
}
