import { Projects } from '@app/project-auth';
import type { Command } from 'commander';
import type { Session } from './session.js';

export function addApiKeyCommands(cli: Command, session: Session): void {
  const apiKey = cli.command('api-key').description("a project's API keys");
  apiKey
    .command('create')
    .description('the key is shown once and stored hashed')
    .requiredOption('--project <id>')
    .option('--json', 'print one JSON object')
    .action(async ({ project }: { project: string }) => {
      session.print({ api_key: await (await session.get(Projects)).createApiKey(project) });
    });
  apiKey
    .command('revoke')
    .description('in force with the next request')
    .requiredOption('--project <id>')
    .requiredOption('--prefix <prefix>', 'the part between "nft_" and the next "_"')
    .option('--json', 'print one JSON object')
    .action(async ({ project, prefix }: { project: string; prefix: string }) => {
      await (await session.get(Projects)).revokeApiKey(project, prefix);
      session.print({ revoked: prefix });
    });
}
