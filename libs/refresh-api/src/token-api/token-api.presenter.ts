import type { Attempt, CollectionRefreshState, Page } from '@app/metadata-refresh';
import { toTraitsObject, type StoredProfile, type TokenRecord, type TraitSummary } from '@app/token-store';
import type { z } from 'zod';
import { toEventBody, toPageBody } from '../project-api/project-api.presenter.js';
import type { attemptPageSchema, collectionRecordSchema, tokenSchema, traitsSchema } from './token-api.responses.js';

type Token = z.output<typeof tokenSchema>;

/** JSON text that contains the document unparsed, since parsing would round its numbers. */
export function toTokenBody(token: TokenRecord, document: string | null): string {
  const fields: Omit<Token, 'document'> = {
    chain_id: token.chainId,
    collection_address: token.collectionAddress,
    token_id: token.tokenId,
    name: token.name,
    description: token.description,
    image_url: token.imageUrl,
    image_original: token.imageOriginal,
    image_version: token.imageVersion,
    animation_url: token.animationUrl,
    animation_original: token.animationOriginal,
    external_url: token.externalUrl,
    youtube_url: token.youtubeUrl,
    background_color: token.backgroundColor,
    decimals: token.decimals,
    localization: token.localization && {
      uri: token.localization.uri,
      default_locale: token.localization.defaultLocale,
      locales: token.localization.locales,
    },
    attributes: token.attributes.map(({ traitType, value, valueType, displayType, maxValue }) => ({
      trait_type: traitType,
      value,
      value_type: valueType,
      display_type: displayType,
      max_value: maxValue,
    })),
    warnings: token.warnings,
    metadata_status: token.metadataStatus,
    metadata_url: token.metadataUrl,
    metadata_source: token.metadataSource,
    pushed_by: token.pushedBy,
    metadata_version: token.metadataVersion,
    content_hash: token.contentHash,
    last_attempt_at: toText(token.lastAttemptAt),
    last_success_at: toText(token.lastSuccessAt),
    changed_at: toText(token.changedAt),
    stale_since: toText(token.staleSince),
    held_until: token.heldUntil === 'forever' ? 'forever' : toText(token.heldUntil ?? null),
    burned_at: toText(token.burnedAt),
    last_error_code: token.lastErrorCode,
    last_error_reason: token.lastErrorReason,
  };
  return `${JSON.stringify(fields).slice(0, -1)},"document":${document ?? 'null'}}`;
}

/** JSON text that contains the document unparsed. */
export function toCollectionRecordBody(
  { chainId, address }: { chainId: number; address: string },
  found: { profile: StoredProfile; raw: string | null } | null,
  { attemptedAt, lastError }: CollectionRefreshState,
): string {
  const profile = found?.profile;
  const fields: Omit<z.output<typeof collectionRecordSchema>, 'document'> = {
    chain_id: chainId,
    collection_address: address,
    standard: profile?.standard ?? null,
    owner: profile?.owner ?? null,
    name: profile?.name ?? null,
    symbol: profile?.symbol ?? null,
    description: profile?.description ?? null,
    image: profile?.image ?? null,
    banner_image: profile?.bannerImage ?? null,
    featured_image: profile?.featuredImage ?? null,
    external_link: profile?.externalLink ?? null,
    collaborators: [...(profile?.collaborators ?? [])],
    contract_uri: profile?.contractUri ?? null,
    base_uri: profile?.baseUri ?? null,
    source: profile?.source ?? null,
    warnings: [...(profile?.warnings ?? [])],
    changed_at: toText(profile?.updatedAt ?? null),
    last_attempt_at: toText(attemptedAt),
    last_error: lastError,
  };
  return `${JSON.stringify(fields).slice(0, -1)},"document":${found?.raw ?? 'null'}}`;
}

export function toTraitsBody(
  collection: { chainId: number; address: string },
  traits: readonly TraitSummary[],
): z.output<typeof traitsSchema> {
  return toTraitsObject(collection, traits);
}

export function toAttemptPage(page: Page<Attempt>): z.output<typeof attemptPageSchema> {
  return toPageBody(page, (attempt) => ({
    refresh_id: attempt.refreshId,
    attempt: attempt.attempt,
    url: attempt.url,
    outcome: attempt.outcome,
    status_code: attempt.statusCode,
    reason: attempt.reason,
    duration_ms: attempt.durationMs,
    bytes: attempt.bytes,
    event: toEventBody(attempt.event),
    attempted_at: attempt.createdAt,
  }));
}

const toText = (time: Date | null) => time?.toISOString() ?? null;
