import { TokensNotEnumerable, type NotEnumerableReason } from '@app/metadata-fetch';
import type { Collection, TokenRecord } from '@app/token-store';
import type { Command } from 'commander';
import { parseRows, withCollection, withJson, withYes } from './option-values.js';
import { findCollection, type CollectionOptions } from './registered-collection.js';
import type { Session } from './session.js';
import { MAX_TOKENS, oneTokenId, tokenIdsOf, type TokenOptions } from './token-ids.js';
import { addVersionCommands } from './version.commands.js';

/** The most tokens that one call registers; a file may hold many more. */
const REGISTER_BATCH_SIZE = 10_000;
const ENUMERATE = 'enumerate';
const NAME_TOKENS = 'Name the tokens: --tokens 1-1000,5000 or --tokens-file FILE.';

export function addTokenCommands(token: Command, session: Session): void {
  withJson(withTokens(withCollection(token.command('register')), `, or "${ENUMERATE}": all that its contract lists`))
    .description('register tokens; registered tokens do not change')
    .action(async (options: CollectionOptions & TokenOptions) => {
      const found = await findCollection(session, options);
      const tokenIds = await wantedTokenIds(session, found, options);
      if (tokenIds.length === 0 && options.tokens !== ENUMERATE) throw new Error(NAME_TOKENS);
      const registered = await registerTokens(session, found, tokenIds);
      session.print({ registered, already_registered: tokenIds.length - registered });
    });

  withJson(withCollection(token.command('list').description('list tokens in the order of their ids')))
    .option('--limit <n>', '1 to 1000', parseRows, 100)
    .option('--after <id>', 'start after this token')
    .action(async (options: CollectionOptions & { limit: number; after?: string }) => {
      const { limit, after } = options;
      if (after !== undefined) oneTokenId(after);
      const { id: collectionId } = await findCollection(session, options);
      const tokens = await (
        await session.get('tokens')
      ).listTokens({
        collectionId,
        limit,
        ...(after !== undefined && { after }),
      });
      session.printList('tokens', tokens.map(toLine));
    });

  withJson(withCollection(token.command('show').description('show a token and its metadata')))
    .requiredOption('--token <id>')
    .action(async (options: CollectionOptions & { token: string }) => {
      const tokenId = oneTokenId(options.token);
      const { id: collectionId, address } = await findCollection(session, options);
      const found = await (await session.get('tokens')).findToken({ collectionId, tokenId });
      if (!found) throw new Error(`Token ${tokenId} of collection ${address} is not registered.`);
      session.print({
        ...toLine(found),
        image_url: found.imageUrl,
        metadata_url: found.metadataUrl,
        metadata_version: found.metadataVersion,
        attributes: found.attributes.length,
        warnings: found.warnings.join(','),
        changed_at: found.changedAt?.toISOString() ?? null,
        stale_since: found.staleSince?.toISOString() ?? null,
        burned_at: found.burnedAt?.toISOString() ?? null,
        fail_count: found.failCount,
        last_refresh_id: found.lastRefreshId,
        held_until: found.heldUntil instanceof Date ? found.heldUntil.toISOString() : (found.heldUntil ?? null),
      });
    });

  addVersionCommands(token, session);

  withYes(withJson(withTokens(withCollection(token.command('remove')))))
    .description('remove tokens, such as burnt ones, and their metadata')
    .action(async (options: CollectionOptions & TokenOptions & { yes?: boolean }) => {
      const tokenIds = await someTokenIds(options);
      const { id, address } = await findCollection(session, options);
      await session.confirm(
        `This removes up to ${tokenIds.length} tokens of collection ${address} and their metadata.`,
        options,
      );
      session.print({ removed: await (await session.get('tokens')).removeTokens(id, tokenIds) });
    });
}

/** The ids to register: all that the contract lists (ERC-721 Enumerable), or those that are named. Empty without an option. */
export async function wantedTokenIds(
  session: Session,
  { chainId, address }: { chainId: number; address: string },
  options: TokenOptions,
): Promise<string[]> {
  if (options.tokens !== ENUMERATE) return tokenIdsOf(options);
  if (options.tokensFile !== undefined) throw new Error(`--tokens ${ENUMERATE} and --tokens-file exclude each other.`);
  const contracts = await session.get('contractTokens');
  try {
    return await contracts.list({ chainId, address: address.toLowerCase() }, { maxTokens: MAX_TOKENS });
  } catch (error) {
    if (error instanceof TokensNotEnumerable) throw new Error(`${error.message} ${INSTEAD[error.reason]}`);
    throw error;
  }
}

/** What to do if a contract does not list its tokens. */
const INSTEAD: Record<NotEnumerableReason, string> = {
  no_node: 'Add one to RPC_URLS.',
  node_failed: 'Try again.',
  not_listed: 'Name the tokens, or register what the contract has minted: --discover mints --backfill-from BLOCK.',
};

/** Returns the number of new tokens. */
export async function registerTokens(
  session: Session,
  { id }: Collection,
  tokenIds: readonly string[],
): Promise<number> {
  const store = await session.get('tokens');
  let registered = 0;
  for (let at = 0; at < tokenIds.length; at += REGISTER_BATCH_SIZE) {
    registered += await store.registerTokens(id, tokenIds.slice(at, at + REGISTER_BATCH_SIZE));
  }
  return registered;
}

function withTokens(command: Command, more = ''): Command {
  return command
    .option('--tokens <list>', `token ids, such as 1-1000,5000${more}`)
    .option('--tokens-file <file>', 'token ids from a file');
}

async function someTokenIds(options: TokenOptions): Promise<string[]> {
  const tokenIds = await tokenIdsOf(options);
  if (tokenIds.length === 0) throw new Error(NAME_TOKENS);
  return tokenIds;
}

function toLine(token: TokenRecord) {
  return {
    token_id: token.tokenId,
    metadata_status: token.metadataStatus,
    name: token.name,
    last_success_at: token.lastSuccessAt?.toISOString() ?? null,
    last_attempt_at: token.lastAttemptAt?.toISOString() ?? null,
    last_error_code: token.lastErrorCode,
    last_error_reason: token.lastErrorReason,
  };
}
