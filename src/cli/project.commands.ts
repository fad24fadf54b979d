import type { ProjectLimits, Projects } from '@app/project-auth';
import type { Command } from 'commander';
import { removeCollection } from './collection-removal.js';
import { parseLimit, parseRows, toLimit, withJson, withYes, type Limit } from './option-values.js';
import type { Session } from './session.js';

type LimitOptions = Partial<Record<keyof ProjectLimits, Limit>>;
type Project = Awaited<ReturnType<Projects['getById']>>;

export function addProjectCommands(project: Command, session: Session): void {
  const create = project
    .command('create')
    .description('create a project; the wallet of its owner signs requests')
    .requiredOption('--name <name>')
    .requiredOption('--owner <0xADDRESS>', 'the wallet that signs requests');
  addLimitOptions(create).action(async (options: { name: string; owner: string } & LimitOptions) => {
    const projects = await session.get('projects');
    const created = await projects.createProject({
      name: options.name,
      ownerAddress: options.owner,
      limits: limitsOf(options),
    });
    session.print({ project_id: created.id });
  });

  withJson(project.command('list').description('list projects, oldest first'))
    .option('--limit <n>', '1 to 1000', parseRows, 100)
    .option('--after <id>', 'start after this project')
    .action(async ({ limit, after }: { limit: number; after?: string }) => {
      const projects = await session.get('projects');
      const last = after === undefined ? undefined : await projects.getById(after);
      session.printList('projects', (await projects.listProjects({ limit, after: last })).map(toLine));
    });

  withJson(
    project.command('show').description('show a project and what belongs to it').requiredOption('--project <id>'),
  ).action(async ({ project: id }: { project: string }) => {
    const found = await (await session.get('projects')).getById(id);
    session.print({ ...toLine(found), ...(await belongings(session, id)) });
  });

  withJson(
    project
      .command('update')
      .description('change a project; takes effect with the next request; other values do not change'),
  )
    .requiredOption('--project <id>')
    .option('--name <name>')
    .option('--owner <0xADDRESS>', 'the wallet that signs requests from now on')
    .action(async ({ project: id, name, owner }: { project: string; name?: string; owner?: string }) => {
      if (name === undefined && owner === undefined) throw new Error('Name what to change: --name or --owner.');
      const updated = await (await session.get('projects')).updateProject(id, { name, ownerAddress: owner });
      session.print(toLine(updated));
    });

  const setLimits = project
    .command('set-limits')
    .description('set limits; takes effect with the next request; other limits do not change')
    .requiredOption('--project <id>');
  addLimitOptions(setLimits).action(async (options: { project: string } & LimitOptions) => {
    const changed = limitsOf(options);
    if (Object.keys(changed).length === 0) {
      throw new Error(
        'Name what to change: --requests-per-second, --tokens-per-request, --tokens-per-hour or --tokens-per-selection.',
      );
    }
    const limits = await (await session.get('projects')).setLimits(options.project, changed);
    session.print(shownLimits(limits));
  });

  withYes(withJson(project.command('remove')))
    .description(
      'remove a project, its keys, collections, tokens, refreshes and webhooks; refused while a refresh is pending',
    )
    .requiredOption('--project <id>')
    .action(async ({ project: id, yes }: { project: string; yes?: boolean }) => {
      await (await session.get('projects')).getById(id);
      const { api_keys, collections, tokens, refreshes, pending_tokens, webhooks } = await belongings(session, id);
      if (pending_tokens > 0) {
        throw new Error(
          `Project ${id} has ${pending_tokens} pending tokens: wait for them, or cancel them with "refresh cancel --project ${id}".`,
        );
      }
      await session.confirm(
        `This removes project ${id} and what belongs to it: API keys: ${api_keys}, collections: ${collections}, tokens: ${tokens}, refreshes: ${refreshes}, webhooks: ${webhooks}.`,
        { yes },
      );
      await removeProject(session, id);
      session.print({ removed: id, api_keys, collections, tokens, refreshes, webhooks });
    });
}

/** Deletes the project's row last, so that you can repeat an interrupted removal. */
async function removeProject(session: Session, id: string): Promise<void> {
  const projects = await session.get('projects');
  const webhooks = await session.get('webhooks');
  await projects.revokeApiKeys(id);
  for (const { id: collectionId } of await allCollections(session, id)) {
    await removeCollection(session, collectionId);
  }
  await (await session.get('refreshes')).removeAllOf(id);
  for (const webhook of await webhooks.list(id)) await webhooks.remove(webhook.id);
  await projects.removeProject(id);
}

async function belongings(session: Session, projectId: string) {
  const [projects, refreshes] = [await session.get('projects'), await session.get('refreshes')];
  const [webhooks, store] = [await session.get('webhooks'), await session.get('tokens')];
  const collections = await allCollections(session, projectId);
  let tokens = 0;
  for (const { id } of collections) tokens += await store.countTokens(id);
  const counts = await refreshes.count({ projectId });
  return {
    api_keys: (await projects.listApiKeys(projectId)).filter(({ revokedAt }) => revokedAt === null).length,
    collections: collections.length,
    tokens,
    refreshes: counts.refreshes,
    pending_tokens: counts.pendingTokens,
    webhooks: (await webhooks.list(projectId)).length,
  };
}

/** Includes collections whose removal was interrupted. */
async function allCollections(session: Session, projectId: string) {
  const collections = await session.get('collections');
  const all = await collections.listBeingRemoved(projectId);
  for (let after; ;) {
    const page = await collections.list({ projectId, limit: 1000, after });
    all.push(...page);
    if (page.length < 1000) return all;
    after = page.at(-1);
  }
}

function toLine(project: Project) {
  return {
    project_id: project.id,
    name: project.name,
    owner: project.ownerAddress,
    ...shownLimits(project),
    created_at: project.createdAt.toISOString(),
  };
}

function shownLimits(limits: Partial<ProjectLimits>) {
  const { requestsPerSecond, tokensPerRequest, tokensPerHour, tokensPerSelection } = limits;
  return {
    requests_per_second: requestsPerSecond ?? 'default',
    tokens_per_request: tokensPerRequest ?? 'default',
    tokens_per_hour: tokensPerHour ?? 'default',
    tokens_per_selection: tokensPerSelection ?? 'default',
  };
}

function addLimitOptions(command: Command): Command {
  return withJson(
    command
      .option(
        '--requests-per-second <n>',
        'a whole number, 0 to block every request, or "default" for the default of the deployment',
        parseLimit,
      )
      .option('--tokens-per-request <n>', 'the same', parseLimit)
      .option('--tokens-per-hour <n>', 'the same', parseLimit)
      .option('--tokens-per-selection <n>', 'the same; default: the tokens per hour', parseLimit),
  );
}

function limitsOf(options: LimitOptions): Partial<ProjectLimits> {
  const limits = {
    requestsPerSecond: toLimit(options.requestsPerSecond),
    tokensPerRequest: toLimit(options.tokensPerRequest),
    tokensPerHour: toLimit(options.tokensPerHour),
    tokensPerSelection: toLimit(options.tokensPerSelection),
  };
  return Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit !== undefined));
}
