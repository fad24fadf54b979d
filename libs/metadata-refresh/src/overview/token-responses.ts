import { EntityManager } from '@mikro-orm/postgresql';
import { readingFrom, timestamp } from '@app/database';
import { Injectable } from '@nestjs/common';
import { sql } from 'kysely';
import type { TokenReference } from '@app/token-store';
import type { Page, PageRequest } from '../receipt/page.js';
import { RefreshReader, type Attempt, type Refresh } from '../receipt/refresh-reader.js';

/** The last response to a request that a refresh made for a token. */
export interface TokenResponse extends Pick<Attempt, 'outcome' | 'statusCode' | 'reason' | 'durationMs'> {
  tokenId: string;
  at: string;
}

/** The newest attempts of all refreshes, among which those of one refresh are looked for. */
const MAX_SCANNED = 5000;
/** So many requests a token are read to find the tokens that were requested last: a page of tokens with more of them is shorter. */
const MAX_REQUESTS_OF_TOKEN = 5;
/** Attempts at one token, of all refreshes, among which that of one refresh is looked for. */
const MAX_OF_TOKEN = 20;

const columns = sql`
  token_id::text as "tokenId", outcome, status_code as "statusCode", reason, duration_ms as "durationMs",
  ${timestamp('attempted_at')} as at`;

/** Reads what metadata hosts have responded to requests for tokens. */
@Injectable()
export class TokenResponses {
  constructor(
    private readonly em: EntityManager,
    private readonly reader: RefreshReader,
  ) {}

  /** The attempts of all refreshes at one token within their retention, newest first. */
  async listOf(token: TokenReference, page: PageRequest): Promise<Page<Attempt>> {
    return this.reader.listAttempts(token, page);
  }

  /** The tokens that the refresh has requested last, the newest first. Empty if others have requested too many since. */
  async listLatest({ id }: Pick<Refresh, 'id'>, limit: number): Promise<TokenResponse[]> {
    const { rows } = await sql<TokenResponse>`
      select ${columns} from (
        select *, row_number() over (partition by token_id order by id desc) as place
        from (
          select * from (select * from nft_metadata.refresh_attempts order by id desc limit ${MAX_SCANNED}) as newest
          where refresh_id = ${id}::uuid
          order by id desc
          limit ${limit * MAX_REQUESTS_OF_TOKEN}
        ) as recent
      ) as of_token
      where place = 1
      order by id desc
      limit ${limit}`.execute(readingFrom(this.em).getKysely());
    return rows;
  }

  /** Of these tokens, in no particular order; those without one are left out. */
  async find(
    { id, collectionId }: Pick<Refresh, 'id' | 'collectionId'>,
    tokenIds: readonly string[],
  ): Promise<TokenResponse[]> {
    const { rows } = await sql<TokenResponse>`
      select ${columns}
      from unnest(${tokenIds}::numeric[]) as wanted (wanted_id)
      cross join lateral (
        select * from (
          select * from nft_metadata.refresh_attempts
          where collection_id = ${collectionId}::uuid and token_id = wanted.wanted_id
          order by id desc
          limit ${MAX_OF_TOKEN}
        ) as newest
        where refresh_id = ${id}::uuid
        order by id desc
        limit 1
      ) as attempt`.execute(readingFrom(this.em).getKysely());
    return rows;
  }
}
