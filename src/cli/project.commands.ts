import { Projects } from '@app/project-auth';
import type { Command } from 'commander';
import { parseWholeNumber } from './option-values.js';
import type { Session } from './session.js';

interface CreateOptions {
  name: string;
  owner: string;
  tokensPerHour?: number;
}

export function addProjectCommands(cli: Command, session: Session): void {
  const project = cli.command('project').description('who may ask for refreshes');
  project
    .command('create')
    .requiredOption('--name <name>')
    .requiredOption('--owner <0xADDRESS>', 'the wallet that signs requests')
    .option(
      '--tokens-per-hour <n>',
      'allowance; the default of the deployment when absent, 0: none may',
      parseWholeNumber,
    )
    .option('--json', 'print one JSON object')
    .action(async ({ name, owner, tokensPerHour }: CreateOptions) => {
      const projects = await session.get(Projects);
      const created = await projects.createProject({ name, ownerAddress: owner, tokensPerHour });
      session.print({ project_id: created.id });
    });
}
