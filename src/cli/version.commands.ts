import type { VersionDifference } from '@app/metadata-refresh';
import { toChangeObject, type ChangeObject, type TokenVersion } from '@app/token-store';
import { InvalidArgumentError, type Command } from 'commander';
import { exactJson } from './exact-json.js';
import { parseHoldEnd, parseRows, parseWholeNumber, withCollection, withJson } from './option-values.js';
import { findCollection, type CollectionOptions } from './registered-collection.js';
import type { Session } from './session.js';
import { oneTokenId } from './token-ids.js';

interface OneTokenOptions extends CollectionOptions {
  token: string;
}

/** The history of a token, and holds of its record. */
export function addVersionCommands(token: Command, session: Session): void {
  withOneToken(
    token.command('versions').description('list the versions of a token and what they changed, newest first'),
  )
    .option('--limit <n>', '1 to 1000', parseRows, 100)
    .option('--before <n>', 'only versions before this one', parseVersion)
    .action(async (options: OneTokenOptions & { limit: number; before?: number }) => {
      const { limit, before } = options;
      const { rows } = await (await session.get('versions')).list(await tokenOf(session, options), { limit, before });
      const versions = rows.map(toVersionObject);
      session.printList('versions', versions, versions.map(asText));
    });

  withOneToken(token.command('version').description('print the document of a version as it was served'))
    .requiredOption('--version <n>', 'the number of the version', parseVersion)
    .action(async (options: OneTokenOptions & { version: number }) => {
      const found = await (await session.get('versions')).get(await tokenOf(session, options), options.version);
      session.print({ ...toVersionObject(found.version), document: exactJson(found.document) }, [found.document]);
    });

  withOneToken(token.command('diff').description('print what changed from one version of a token to another'))
    .requiredOption('--from <n>', 'the number of a version', parseVersion)
    .option('--to <n>', 'the number of the other version; default: the current one', parseVersion)
    .action(async (options: OneTokenOptions & { from: number; to?: number }) => {
      const { from, to } = options;
      const tokenId = oneTokenId(options.token);
      const collection = await findCollection(session, options);
      const difference = await (await session.get('versions')).diff(collection, tokenId, { from, to });
      session.print(toDifference(difference), toLines(difference));
    });

  withOneToken(token.command('restore').description('show a version of a token again, as a new version'))
    .requiredOption('--version <n>', 'the number of the version', parseVersion)
    .option('--hold-until <time>', 'no refresh changes the token before this time; or "forever"', parseHoldEnd)
    .action(async (options: OneTokenOptions & { version: number; holdUntil?: Date | 'forever' }) => {
      const { version, holdUntil } = options;
      const tokenId = oneTokenId(options.token);
      const collection = await findCollection(session, options);
      const refreshing = await session.get('refreshing');
      const restored = await refreshing.restoreCollectionVersion({ collection, tokenId, version, holdUntil });
      session.print({
        refresh_id: restored.refreshId,
        verdict: restored.verdict,
        metadata_version: restored.metadataVersion,
      });
    });

  withOneToken(
    token.command('end-hold').description('end the hold of a token, so that refreshes can change it again'),
  ).action(async (options: OneTokenOptions) => {
    const tokenId = oneTokenId(options.token);
    await (await session.get('refreshing')).endHoldOf(await findCollection(session, options), tokenId);
    session.print({ token_id: tokenId, held_until: null });
  });
}

function withOneToken(command: Command): Command {
  return withJson(withCollection(command)).requiredOption('--token <id>');
}

async function tokenOf(session: Session, options: OneTokenOptions): Promise<{ collectionId: string; tokenId: string }> {
  const tokenId = oneTokenId(options.token);
  const { id: collectionId } = await findCollection(session, options);
  return { collectionId, tokenId };
}

function parseVersion(text: string): number {
  const version = parseWholeNumber(text);
  if (version < 1 || version > 999_999_999) throw new InvalidArgumentError('Versions are numbered 1, 2, 3 and so on.');
  return version;
}

/** As the API has it. */
function toVersionObject(version: TokenVersion) {
  return {
    version: version.version,
    created_at: version.createdAt.toISOString(),
    trigger: version.trigger,
    refresh_id: version.refreshId,
    content_hash: version.contentHash,
    ...toChangeObject(version),
    has_document: version.hasDocument,
  };
}

function toDifference({ from, to, patch, ...change }: VersionDifference) {
  return { from, to, ...toChangeObject(change), patch: patch === null ? null : exactJson(patch) };
}

/** The patch as text, whose numbers are exact. */
function toLines(difference: VersionDifference): string[] {
  const patch = difference.patch ?? 'none: the documents are too large';
  return Object.entries({ ...asText(toDifference(difference)), patch }).map(
    ([name, value]) => `${name}: ${String(value)}`,
  );
}

/** Lists in one line. */
function asText<Change extends ChangeObject>(change: Change) {
  return {
    ...change,
    changed_fields: change.changed_fields.join(','),
    traits_added: toTraits(change.traits_added),
    traits_removed: toTraits(change.traits_removed),
  };
}

function toTraits(traits: ChangeObject['traits_added']): string {
  return traits.map(({ trait_type, value }) => `${trait_type}=${value}`).join(',');
}
