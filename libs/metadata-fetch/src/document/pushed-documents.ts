import { SAFE_HTTP_CONFIG, type SafeHttpConfig } from '@app/safe-http';
import { Inject, Injectable } from '@nestjs/common';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from '../metadata-fetch.options.js';
import { parseGateways, type Gateways } from '../uri/gateways.js';
import type { FetchedMetadata } from './fetched-metadata.js';
import {
  isEmptyMetadata,
  normalizePushedDocument,
  normalizeStoredPush,
  type PushedDocument,
} from './pushed-document.js';
import type { StoredDocument } from './stored-document.js';

/** Reads documents that owners send instead of serving them. Makes no request. */
@Injectable()
export class PushedDocuments {
  private readonly gateways: Gateways;

  constructor(
    @Inject(METADATA_FETCH_CONFIG) config: MetadataFetchConfig,
    @Inject(SAFE_HTTP_CONFIG) { allowedHosts }: SafeHttpConfig,
  ) {
    this.gateways = parseGateways({ ...config, allowedHosts });
  }

  /** Normalised like a fetched document; null: it has nothing to show, and must not replace a record. */
  read(document: PushedDocument): FetchedMetadata | null {
    const metadata = normalizePushedDocument(document, this.gateways);
    return isEmptyMetadata(metadata) ? null : metadata;
  }

  /** Normalises a document again that `read` has accepted, as today. */
  readStored(stored: StoredDocument): FetchedMetadata {
    return normalizeStoredPush(stored, this.gateways);
  }
}
