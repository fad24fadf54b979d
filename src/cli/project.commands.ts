import { Projects, type ProjectLimits } from '@app/project-auth';
import type { Command } from 'commander';
import { parseLimit } from './option-values.js';
import type { Session } from './session.js';

export function addProjectCommands(cli: Command, session: Session): void {
  const project = cli.command('project').description('who may ask for refreshes');
  const create = project
    .command('create')
    .requiredOption('--name <name>')
    .requiredOption('--owner <0xADDRESS>', 'the wallet that signs requests');
  addLimitOptions(create).action(async (options: { name: string; owner: string } & Partial<ProjectLimits>) => {
    const projects = await session.get(Projects);
    const created = await projects.createProject({
      name: options.name,
      ownerAddress: options.owner,
      limits: limitsOf(options),
    });
    session.print({ project_id: created.id });
  });

  const setLimits = project
    .command('set-limits')
    .description('in force with the next request; a limit that is not named stays')
    .requiredOption('--project <id>');
  addLimitOptions(setLimits).action(async (options: { project: string } & Partial<ProjectLimits>) => {
    const limits = await (await session.get(Projects)).setLimits(options.project, limitsOf(options));
    session.print({
      requests_per_second: limits.requestsPerSecond ?? 'default',
      tokens_per_request: limits.tokensPerRequest ?? 'default',
      tokens_per_hour: limits.tokensPerHour ?? 'default',
    });
  });
}

function addLimitOptions(command: Command): Command {
  return command
    .option('--requests-per-second <n>', 'a whole number, 0: none may, "default": the deployment\'s', parseLimit)
    .option('--tokens-per-request <n>', 'the same', parseLimit)
    .option('--tokens-per-hour <n>', 'the same', parseLimit)
    .option('--json', 'print one JSON object');
}

function limitsOf(options: Partial<ProjectLimits>): Partial<ProjectLimits> {
  const { requestsPerSecond, tokensPerRequest, tokensPerHour } = options;
  return {
    ...(requestsPerSecond !== undefined && { requestsPerSecond }),
    ...(tokensPerRequest !== undefined && { tokensPerRequest }),
    ...(tokensPerHour !== undefined && { tokensPerHour }),
  };
}
