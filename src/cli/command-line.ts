import { Command, CommanderError } from 'commander';
import type { Variables } from '../config/process-variables.js';
import { StopRequested, unlessAborted } from '../stop-signal.js';
import { Session } from './session.js';

/** A group of commands, or one command. */
interface CommandGroup {
  name: string;
  description: string;
  /** Runs only for the named group, because loading the libs takes most of a command's start-up time. */
  load: () => Promise<(group: Command, session: Session) => void>;
}

const GROUPS: readonly CommandGroup[] = [
  {
    name: 'project',
    description: 'projects: who may request refreshes',
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
    name: 'chain',
    description: 'chains whose events are read',
    load: async () => (await import('./chain.commands.js')).addChainCommands,
  },
  {
    name: 'token',
    description: 'tokens of a collection and their metadata',
    load: async () => (await import('./token.commands.js')).addTokenCommands,
  },
  {
    name: 'refresh',
    description: "refresh tokens' metadata and read the results",
    load: async () => (await import('./refresh.commands.js')).addRefreshCommands,
  },
  {
    name: 'reveal',
    description: 'stage documents of many tokens, publish them all at the same moment, and take that back',
    load: async () => (await import('./reveal.commands.js')).addRevealCommands,
  },
  {
    name: 'validate',
    description: 'find out what a refresh of some tokens would do, and store nothing',
    load: async () => (await import('./validate.command.js')).addValidateCommand,
  },
  {
    name: 'traits',
    description: 'trait counts',
    load: async () => (await import('./traits.commands.js')).addTraitsCommands,
  },
  {
    name: 'migrate',
    description: 'apply the missing migrations, as the service does when it starts',
    load: async () => (await import('./migrate.command.js')).addMigrateCommand,
  },
  {
    name: 'webhook',
    description: 'webhooks: where a project receives events',
    load: async () => (await import('./webhook.commands.js')).addWebhookCommands,
  },
];

/**
 * Runs one command and returns the exit status. A mistake prints one line and returns 1. When `stopping` aborts, abandons
 * the command and returns the exit status that a shell reports for the signal. The caller must end the process then.
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
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1; // commander has printed it
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
      'Manages projects, API keys, collections, tokens, refreshes, reveals and webhooks. Works whether or not the service runs.',
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

/** By default commander ends the process. Subcommands do not inherit this setting. */
function makeMistakesThrow(command: Command): void {
  command.exitOverride();
  for (const subcommand of command.commands) makeMistakesThrow(subcommand);
}
