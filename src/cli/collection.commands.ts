import type { Collection, StoredProfile } from '@app/token-store';
import type { Command } from 'commander';
import {
  sourceOf,
  sourceOptions,
  toPushPolicy,
  withPushPolicy,
  type PushPolicyOption,
  type SourceOptions,
} from './collection-source.js';
import { toBackfillLine, toWatchLine, watchChangeOf, watchOptions, type WatchOptions } from './collection-watch.js';
import { removeCollection } from './collection-removal.js';
import {
  parseAddress,
  parseLimit,
  parseRows,
  parseWholeNumber,
  toLimit,
  withCollection,
  withJson,
  withYes,
  type Limit,
} from './option-values.js';
import { findCollection, findCollectionToRemove, type CollectionOptions } from './registered-collection.js';
import type { Session } from './session.js';
import type { TokenOptions } from './token-ids.js';
import { registerTokens, wantedTokenIds } from './token.commands.js';

interface AddOptions extends SourceOptions, TokenOptions, WatchOptions {
  project: string;
  address: string;
  chain: number;
  hostConcurrency?: number;
  pushPolicy?: PushPolicyOption;
}

interface ChangeOptions {
  hostConcurrency?: Limit;
  pushPolicy?: PushPolicyOption;
}

export function addCollectionCommands(collection: Command, session: Session): void {
  const add = collection
    .command('add')
    .description('register a token contract, and where its metadata comes from')
    .requiredOption('--project <id>')
    .requiredOption('--address <0xADDRESS>')
    .option('--chain <id>', 'chain id', parseWholeNumber, 1);
  withJson(withPushPolicy(watchOptions(sourceOptions(add))))
    .option(
      '--tokens <list>',
      'token ids to register, such as 1-1000,5000, or "enumerate": all that the contract lists',
    )
    .option('--tokens-file <file>', 'token ids to register, from a file')
    .option(
      '--host-concurrency <n>',
      'the most concurrent requests to its metadata host, 1 to 1000; default: HOST_CONCURRENCY',
      parseWholeNumber,
    )
    .action(async (options: AddOptions) => {
      const source = sourceOf(options);
      if (!source) {
        throw new Error(
          '--metadata-url, --source chain or --source pushed is missing: where does the metadata of this collection come from?',
        );
      }
      const watch = watchChangeOf(options);
      const { backfillFrom } = options;
      if (backfillFrom !== undefined && watch?.discover !== 'mints') {
        throw new Error('--backfill-from needs --events and --discover mints.');
      }
      const tokenIds = await wantedTokenIds(session, { chainId: options.chain, address: options.address }, options);
      if (!(await (await session.get('projects')).findById(options.project))) {
        throw new Error(`Project ${JSON.stringify(options.project)} does not exist: create it with "project create".`);
      }

      const collections = await session.get('collections');
      const added = await collections.add({
        chainId: options.chain,
        address: options.address,
        projectId: options.project,
        source,
        hostConcurrency: options.hostConcurrency,
        pushPolicy: toPushPolicy(options.pushPolicy) ?? undefined,
      });
      if (watch) await (await session.get('watches')).set(added.id, watch);
      if (backfillFrom !== undefined) await (await session.get('backfills')).start(added.id, backfillFrom);
      await registerTokens(session, added, tokenIds);
      session.print({ collection_id: added.id, tokens: tokenIds.length });
    });

  withJson(collection.command('list').description('list collections, oldest first'))
    .option('--project <id>', 'default: all projects')
    .option('--limit <n>', '1 to 1000', parseRows, 100)
    .option('--after <0xADDRESS>', 'start after this collection')
    .option('--chain <id>', 'chain id of --after, if its address is registered on several chains', parseWholeNumber)
    .action(async (options: { project?: string; limit: number; after?: string; chain?: number }) => {
      const { project: projectId, limit, after: address, chain } = options;
      const after = address === undefined ? undefined : await findCollection(session, { collection: address, chain });
      const found = await (await session.get('collections')).list({ projectId, limit, after });
      session.printList('collections', found.map(toLine));
    });

  withJson(
    withCollection(collection.command('show').description('show a collection, and how many tokens it has')),
  ).action(async (options: CollectionOptions) => {
    const found = await findCollection(session, options);
    const tokens = await (await session.get('tokens')).countTokens(found.id);
    const { pendingTokens } = await (await session.get('refreshes')).count({ collectionId: found.id });
    const watch = await (await session.get('watches')).find(found.id);
    const [profile] = await (await session.get('profiles')).find([found.id]);
    session.print({
      ...toLine(found),
      ...toWatchLine(watch),
      ...toBackfillLine(await (await session.get('backfills')).find(found.id)),
      ...toProfileLine(profile),
      tokens,
      pending_tokens: pendingTokens,
    });
  });

  withJson(withCollection(collection.command('owner')))
    .description(
      'whether a wallet’s project may refresh the collection: it is registered with it or, with OWNERSHIP=on_chain, the wallet owns the contract',
    )
    .requiredOption('--wallet <0xADDRESS>', 'the owner address of a project', parseAddress)
    .action(async (options: CollectionOptions & { wallet: string }) => {
      const found = await findCollection(session, options);
      const project = await (await session.get('projects')).findByOwner(options.wallet);
      const service = await session.get('refreshing');
      const asking = { id: project?.id ?? '', ownerAddress: options.wallet };
      const { isRegistered, onChain, mayRefresh } = await service.explainOwnership(asking, found);
      session.print({
        project_id: project?.id ?? null,
        registered: isRegistered,
        on_chain: onChain,
        may_refresh: project !== null && mayRefresh,
      });
    });

  withJson(withCollection(collection.command('refresh')))
    .description('read the collection’s own name, images and owner from its contract; its tokens are not refreshed')
    .action(async (options: CollectionOptions) => {
      const found = await findCollection(session, options);
      const error = await (await session.get('records')).readNow(found);
      const [profile] = await (await session.get('profiles')).find([found.id]);
      session.print({ ...toProfileLine(profile), warnings: [...(profile?.warnings ?? [])], error });
      if (error !== null) session.exitStatus = 1;
    });

  const update = collection
    .command('update')
    .description('change a collection; takes effect with the next requested refresh; other values do not change');
  withJson(withPushPolicy(watchOptions(sourceOptions(withCollection(update)))))
    .option('--host-concurrency <n>', '1 to 1000, or "default" for HOST_CONCURRENCY', parseLimit)
    .action(async (options: CollectionOptions & SourceOptions & WatchOptions & ChangeOptions) => {
      const hostConcurrency = toLimit(options.hostConcurrency);
      const source = sourceOf(options);
      const pushPolicy = toPushPolicy(options.pushPolicy);
      const watch = watchChangeOf(options);
      const { backfillFrom } = options;
      if (
        !source &&
        backfillFrom === undefined &&
        hostConcurrency === undefined &&
        pushPolicy === undefined &&
        !watch
      ) {
        throw new Error(
          'Name what to change: --metadata-url, --source, --push-policy, --host-concurrency, --events, --discover, --backfill-from or --refresh-every.',
        );
      }
      const { id } = await findCollection(session, options);
      const watches = await session.get('watches');
      const watched = watch ? await watches.set(id, watch) : await watches.find(id);
      const backfills = await session.get('backfills');
      if (backfillFrom !== undefined) await backfills.start(id, backfillFrom);
      const changed = await (await session.get('collections')).update(id, { source, hostConcurrency, pushPolicy });
      session.print({ ...toLine(changed), ...toWatchLine(watched), ...toBackfillLine(await backfills.find(id)) });
    });

  withYes(withJson(withCollection(collection.command('remove'))))
    .description('remove a collection, its tokens and their metadata; refused while a refresh of it is pending')
    .action(async (options: CollectionOptions & { yes?: boolean }) => {
      const { id, address, chainId } = await findCollectionToRemove(session, options);
      const { pendingTokens } = await (await session.get('refreshes')).count({ collectionId: id });
      if (pendingTokens > 0) {
        throw new Error(
          `Collection ${address} has ${pendingTokens} pending tokens: wait for them, or cancel them with "refresh cancel --collection ${address}".`,
        );
      }
      const tokens = await (await session.get('tokens')).countTokens(id);
      await session.confirm(
        `This removes collection ${address} on chain ${chainId} with ${tokens} tokens, their metadata and traits. Refreshes stay readable until they expire.`,
        options,
      );
      const removed = await removeCollection(session, id);
      session.print({ removed: address, chain_id: chainId, tokens: removed });
    });
}

/** The record of a collection itself. */
function toProfileLine(profile: StoredProfile | undefined) {
  return {
    name: profile?.name ?? null,
    symbol: profile?.symbol ?? null,
    standard: profile?.standard ?? null,
    owner: profile?.owner ?? null,
    image: profile?.image ?? null,
    contract_uri: profile?.contractUri ?? null,
  };
}

function toLine(collection: Collection) {
  return {
    collection_id: collection.id,
    project_id: collection.projectId,
    chain_id: collection.chainId,
    address: collection.address,
    source: collection.sourceKind,
    metadata_url: collection.metadataUrl ?? null,
    uri_rule: collection.uriRule ?? null,
    push_policy: collection.effectivePushPolicy(),
    host_concurrency: collection.hostConcurrency ?? 'default',
    created_at: collection.createdAt.toISOString(),
  };
}
