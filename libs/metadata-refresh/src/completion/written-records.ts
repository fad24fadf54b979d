import type { MetadataChange, MetadataWrite, TokenStore, WriteOptions, WriteResult } from '@app/token-store';
import type { EntityManager } from '@mikro-orm/postgresql';
import type { EventOutbox } from '../event-outbox.js';
import { keepsDocuments, type MetadataRefreshConfig } from '../metadata-refresh.options.js';

/** How the write of a record ended, and its version afterwards; null: it is missing, or the store does not tell it. */
export interface Written {
  result: WriteResult;
  version: number | null;
}

/** What a write of records needs. */
export interface RecordParts {
  tokens: TokenStore;
  config: Pick<MetadataRefreshConfig, 'keepVersions'>;
  outbox: EventOutbox | undefined;
}

/** Writes records in the caller's transaction. `written` is in the order of the writes; `changes` is empty without an outbox. */
export async function writeRecords(
  em: EntityManager,
  { tokens, config, outbox }: RecordParts,
  writes: readonly MetadataWrite[],
  options: Required<Pick<WriteOptions, 'defer'>> & Pick<WriteOptions, 'withoutFetch'>,
): Promise<{ written: Written[]; changes: MetadataChange[] }> {
  const changes: MetadataChange[] = [];
  const versions = new Map<MetadataWrite, number>();
  const results = await tokens.writeMetadata(em, writes, {
    ...options,
    keepReplaced: keepsDocuments(config),
    onChange: outbox && ((change) => void changes.push(change)),
    onVersion: (write, version) => void versions.set(write, version),
  });
  const written = writes.map((write, index) => ({ result: results[index]!, version: versions.get(write) ?? null }));
  return { written, changes };
}
