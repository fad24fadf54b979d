import type { KeptVersion, Page, VersionDifference } from '@app/metadata-refresh';
import { toChangeObject, type TokenVersion } from '@app/token-store';
import type { z } from 'zod';
import { toMicroseconds } from '../microseconds.js';
import { toPageBody } from '../project-api/project-api.presenter.js';
import type { versionDiffSchema, versionPageSchema, versionSchema } from './token-versions.responses.js';

function toVersionFields(version: TokenVersion): Omit<z.output<typeof versionSchema>, 'document'> {
  return {
    version: version.version,
    created_at: toMicroseconds(version.createdAt),
    refresh_id: version.refreshId,
    trigger: version.trigger,
    content_hash: version.contentHash,
    ...toChangeObject(version),
  };
}

export function toVersionPage({ rows, hasMore }: Page<TokenVersion>): z.output<typeof versionPageSchema> {
  const positioned = rows.map((version) => ({
    version,
    id: String(version.version),
    createdAt: toMicroseconds(version.createdAt),
  }));
  return toPageBody({ rows: positioned, hasMore }, ({ version }) => ({
    ...toVersionFields(version),
    has_document: version.hasDocument,
  }));
}

/** JSON text that contains the document unparsed, since parsing would round its numbers. */
export function toVersionBody({ version, document }: KeptVersion): string {
  return withText(toVersionFields(version), 'document', document);
}

/** JSON text, for the same reason. */
export function toVersionDiffBody({ from, to, patch, ...change }: VersionDifference): string {
  const fields: Omit<z.output<typeof versionDiffSchema>, 'patch'> = { from, to, ...toChangeObject(change) };
  return withText(fields, 'patch', patch ?? 'null');
}

function withText(fields: object, name: string, json: string): string {
  return `${JSON.stringify(fields).slice(0, -1)},"${name}":${json}}`;
}
