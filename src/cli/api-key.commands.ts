import type { Command } from 'commander';
import { withJson } from './option-values.js';
import type { Session } from './session.js';

export function addApiKeyCommands(apiKey: Command, session: Session): void {
  withJson(apiKey.command('create').description('create a key; it is shown once and stored as a hash'))
    .requiredOption('--project <id>')
    .action(async ({ project }: { project: string }) => {
      session.print({ api_key: await (await session.get('projects')).createApiKey(project) });
    });
  withJson(apiKey.command('list').description('list keys by their prefixes, oldest first, with revoked ones'))
    .requiredOption('--project <id>')
    .action(async ({ project }: { project: string }) => {
      const keys = await (await session.get('projects')).listApiKeys(project);
      session.printList(
        'api_keys',
        keys.map(({ prefix, createdAt, lastUsedAt, revokedAt }) => ({
          prefix,
          created_at: createdAt.toISOString(),
          last_used_at: lastUsedAt?.toISOString() ?? null,
          revoked_at: revokedAt?.toISOString() ?? null,
        })),
      );
    });
  withJson(apiKey.command('revoke').description('revoke a key; takes effect with the next request'))
    .requiredOption('--project <id>')
    .requiredOption('--prefix <prefix>', 'the part between "nft_" and the next "_"')
    .action(async ({ project, prefix }: { project: string; prefix: string }) => {
      await (await session.get('projects')).revokeApiKey(project, prefix);
      session.print({ revoked: prefix });
    });
}
