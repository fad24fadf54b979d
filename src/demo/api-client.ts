import { signedHeaders } from '@app/testing';
import axios from 'axios';
import type { Wallet } from 'ethers';

export interface RefreshBody {
  refresh_id: string;
  status: string;
  summary: { succeeded: number; failed: number; pending: number };
  verdicts: Record<string, number>;
  reasons: { reason: string; count: number; example_token_id: string; advice: string }[];
}

export interface TokenRow {
  token_id: string;
  verdict: string;
  changed_fields: string[];
  traits_added: { trait_type: string; value: string }[];
  traits_removed: { trait_type: string; value: string }[];
}

export interface ErrorRow {
  token_id: string;
  client_response_status_code: number | null;
  error_code: string;
  reason: string;
}

interface ListedToken {
  token_id: string;
  name: string;
  description: string | null;
  metadata_status: string;
  attributes: unknown[];
}

export interface ListingRow {
  /** null: it is not registered yet. */
  token: ListedToken | null;
}

/** A client as a studio would write it: over HTTP, with requests signed by its wallet. */
export class ApiClient {
  constructor(
    private readonly url: string,
    private readonly wallet: Wallet,
  ) {}

  async signedHeaders(): Promise<Record<string, string>> {
    return signedHeaders(this.wallet);
  }

  async requestRefresh(collectionAddress: string, tokenIds: readonly string[]): Promise<string> {
    const body = { collection_address: collectionAddress, token_ids: tokenIds };
    const headers = await this.signedHeaders();
    const { data } = await axios.post<{ refresh_id: string }>(`${this.url}/v1/metadata-refreshes`, body, { headers });
    return data.refresh_id;
  }

  async readRefresh(refreshId: string): Promise<RefreshBody> {
    return this.get(`/v1/metadata-refreshes/${refreshId}`);
  }

  async readErrors(refreshId: string): Promise<ErrorRow[]> {
    const page = await this.get<{ result: ErrorRow[] }>(`/v1/metadata-refreshes/${refreshId}/errors?page_size=200`);
    return page.result;
  }

  async readToken(refreshId: string, tokenId: string): Promise<TokenRow> {
    const page = await this.get<{ result: [TokenRow] }>(
      `/v1/metadata-refreshes/${refreshId}/tokens?token_id=${tokenId}`,
    );
    return page.result[0];
  }

  async readListings(query = ''): Promise<ListingRow[]> {
    return (await this.get<{ result: ListingRow[] }>(`/listings?${query}`)).result;
  }

  private async get<T>(path: string): Promise<T> {
    return (await axios.get<T>(this.url + path, { headers: await this.signedHeaders() })).data;
  }
}
