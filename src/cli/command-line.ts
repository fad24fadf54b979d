import { Command, CommanderError } from 'commander';
import type { Variables } from '../config/process-variables.js';
import { StopRequested, unlessAborted } from '../stop-signal.js';
import { Session } from './session.js';

interface CommandGroup {
  name: string;
  description: string;
  /** Loaded when it is named: the libs behind it take most of the time in which a command starts. */
  load: () => Promise<(group: Command, session: Session) => void>;
}

const GROUPS: readonly CommandGroup[] = [
  {
    name: 'project',
    description: 'who may ask for refreshes',
    load: async () => (await import('./project.commands.js')).addProjectCommands,
  },
  {
    name: 'api-key',
    description: "a project's API keys",
    load: async () => (await import('./api-key.commands.js')).addApiKeyCommands,
  },
  {
    name: 'collection',
    description: 'token contracts whose metadata can be refreshed',
    load: async () => (await import('./collection.commands.js')).addCollectionCommands,
  },
  {
    name: 'token',
    description: 'tokens of a collection, and what is known of their metadata',
    load: async () => (await import('./token.commands.js')).addTokenCommands,
  },
  {
    name: 'refresh',
    description: "fetch tokens' metadata again, and what became of it",
    load: async () => (await import('./refresh.commands.js')).addRefreshCommands,
  },
  {
    name: 'traits',
    description: 'how many tokens have which trait',
    load: async () => (await import('./traits.commands.js')).addTraitsCommands,
  },
  {
    name: 'webhook',
    description: 'where a project is told of changes and completed refreshes',
    load: async () => (await import('./webhook.commands.js')).addWebhookCommands,
  },
];

/**
 * Runs one command and returns the exit status. A mistake prints one line and returns 1. When `stopping` aborts, breaks
 * the command off, and returns what a shell reports for the signal; the process is to end then.
 */
export async function runCommandLine(
  args: readonly string[],
  variables: Variables,
  stopping?: AbortSignal,
): Promise<number> {
  const session = new Session(variables, stopping);
  try {
    const cli = await program(args, session);
    await unlessAborted(stopping, cli.parseAsync(args, { from: 'user' }));
    return session.exitStatus;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1; // commander has said it already
    if (error instanceof StopRequested) return error.exitStatus;
    process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  } finally {
    await session.close();
  }
}

async function program(args: readonly string[], session: Session): Promise<Command> {
  const cli = new Command('cli')
    .description(
      'Projects, API keys, collections, tokens, refreshes and webhooks, from the command line. Works whether or not the service runs.',
    )
    .showSuggestionAfterError()
    .hook('preAction', (_, action) => {
      session.printsJson = action.opts<{ json?: boolean }>().json === true;
    });
  const named = args.find((arg) => !arg.startsWith('-') && arg !== 'help');
  for (const { name, description, load } of GROUPS) {
    const group = cli.command(name).description(description);
    if (name === named) (await load())(group, session);
  }
  makeMistakesThrow(cli);
  return cli;
}

/** Commander would end the process by itself; for subcommands it has to be told again. */
function makeMistakesThrow(command: Command): void {
  command.exitOverride();
  for (const subcommand of command.commands) makeMistakesThrow(subcommand);
}
