import {
  BoundedReads,
  MetadataRefreshService,
  RefreshPages,
  RefreshTokensReader,
  TokenResponses,
  type ProjectRefresh,
  type RefreshTokenPage,
  type RefreshTokenQuery,
  type RefreshTrigger,
  type TokenResponse,
} from '@app/metadata-refresh';
import { ProjectDirectory } from '@app/project-auth';
import { asRefreshingProject } from '@app/refresh-api';
import { Collections, TokenStore } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { notFound } from '../console.errors.js';
import { formatCursor } from '../cursor.js';
import { HostViews } from '../hosts/host-views.js';
import { Names } from '../names.js';
import { scopeOf, type Person } from '../person.js';
import type { RefreshDetails, RefreshList, RefreshReasons } from '../wire/refresh.schema.js';
import type { RefreshTokens } from '../wire/refresh-token.schema.js';
import { toReason, toRefresh, toRefreshDetails, toRefreshToken } from './refreshes.presenter.js';

const LIST_SIZE = 50;
const TOKENS_SIZE = 50;

/** Which refreshes a list has. */
export interface WantedRefreshes {
  projectId?: string | undefined;
  collectionId?: string | undefined;
  state?: 'running' | 'done' | 'with-failures' | undefined;
  triggers?: readonly RefreshTrigger[] | undefined;
  after?: { createdAt: string; id: string } | undefined;
}

/** Which of its tokens a page has. */
export type WantedTokens = Pick<RefreshTokenQuery, 'verdict' | 'reason' | 'tokenId' | 'after'> & {
  order: 'latest' | 'token_id';
};

/** What pages about refreshes show, each in one bounded read. */
@Injectable()
export class RefreshViews {
  constructor(
    private readonly reads: BoundedReads,
    private readonly pages: RefreshPages,
    private readonly tokensReader: RefreshTokensReader,
    private readonly responses: TokenResponses,
    private readonly refreshes: MetadataRefreshService,
    private readonly tokens: TokenStore,
    private readonly collections: Collections,
    private readonly projects: ProjectDirectory,
    private readonly hosts: HostViews,
    private readonly names: Names,
  ) {}

  list(person: Person, { collectionId, ...wanted }: WantedRefreshes): Promise<RefreshList> {
    return this.reads.run(async (now) => {
      const collection = collectionId === undefined ? undefined : await this.collections.find(collectionId);
      if (collection === null) return { now: now.toISOString(), rows: [], next: null, firstCollection: null };
      const { rows, next } = await this.pages.list(scopeOf(person), { ...wanted, collection, limit: LIST_SIZE });
      const names = await this.namesOf(person, rows);
      const isEmpty = rows.length === 0 && wanted.after === undefined;
      return {
        now: now.toISOString(),
        rows: rows.map((refresh) => toRefresh(refresh, names)),
        next: next && formatCursor(next),
        firstCollection: isEmpty ? await this.firstCollectionOf(person) : null,
      };
    });
  }

  details(person: Person, refreshId: string): Promise<RefreshDetails> {
    return this.reads.run(async (now) => {
      const refresh = await this.pages.findDetails(scopeOf(person), refreshId);
      if (!refresh) throw notFound();
      const { projectId } = refresh;
      const project = person.kind === 'partner' ? person.project : await this.projects.findById(projectId);
      const limits = await this.refreshes.readLimits(
        asRefreshingProject(project ?? { id: projectId, name: '', ownerAddress: '' }),
      );
      return {
        now: now.toISOString(),
        refresh: toRefreshDetails(refresh, {
          names: {
            projectOf: (id) => (person.kind === 'partner' ? null : { id, name: project?.name ?? id }),
            collectionOf: await this.names.ofCollections([refresh.collectionId]),
          },
          cooldownSince: refresh.cooldown && (await this.hosts.cooldownSince(refresh.cooldown.host)),
          quota: limits.tokensPerHour,
          maxAttempts: this.pages.maxAttempts,
          host: refresh.host === null ? null : await this.hosts.summary(refresh.host),
          mayAct: person.mayAct,
        }),
      };
    });
  }

  reasons(person: Person, refreshId: string): Promise<RefreshReasons> {
    return this.reads.run(async (now) => {
      const { id } = await this.get(person, refreshId);
      return { now: now.toISOString(), reasons: (await this.pages.listReasons(id)).map(toReason) };
    });
  }

  tokensOf(person: Person, refreshId: string, { order, ...filter }: WantedTokens): Promise<RefreshTokens> {
    return this.reads.run(async (now) => {
      const refresh = await this.get(person, refreshId);
      const isFiltered = Object.values(filter).some((value) => value !== undefined);
      const isLatest = order === 'latest' && !isFiltered && refresh.status !== 'completed';
      const latest = isLatest ? await this.responses.listLatest(refresh, TOKENS_SIZE) : [];
      if (latest.length > 0) {
        return {
          now: now.toISOString(),
          rows: await this.show(refresh, await this.inOrderOf(latest, refresh), latest),
          next: null,
          order: 'latest',
          searchedTo: null,
        };
      }
      const { rows, next } = await this.tokensReader.page(refresh, { ...filter, limit: TOKENS_SIZE });
      return {
        now: now.toISOString(),
        rows: await this.show(refresh, rows),
        next: next === null ? null : formatCursor({ tokenId: next }),
        order: 'token_id',
        searchedTo: rows.length < TOKENS_SIZE ? next : null,
      };
    });
  }

  /**
   * All that match, in lists of which some may be empty. Each is a read of its own. The first one is refused when reads are busy, and
   * the others wait: a download that has begun has no other way to say so than to break off.
   */
  async *tokenPages(
    person: Person,
    refreshId: string,
    filter: Omit<WantedTokens, 'order'>,
  ): AsyncGenerator<RefreshTokenPage['rows']> {
    for (let after: string | undefined | null = filter.after; after !== null;) {
      const from: string | undefined = after;
      const read = (): Promise<RefreshTokenPage> =>
        this.reads.run(async () =>
          this.tokensReader.page(await this.get(person, refreshId), { ...filter, after: from, limit: 1000 }),
        );
      const page: RefreshTokenPage = from === filter.after ? await read() : await this.reads.runPatiently(read);
      yield page.rows;
      after = page.next;
    }
  }

  /** Throws Refused for one that is not in the scope of the person. */
  async get(person: Person, refreshId: string): Promise<ProjectRefresh> {
    const refresh = await this.pages.find(scopeOf(person), refreshId);
    if (!refresh) throw notFound();
    return refresh;
  }

  async namesOf(person: Person, refreshes: readonly { projectId: string; collectionId: string }[]) {
    return {
      projectOf: await this.names.ofProjects(
        person,
        refreshes.map(({ projectId }) => projectId),
      ),
      collectionOf: await this.names.ofCollections(refreshes.map(({ collectionId }) => collectionId)),
    };
  }

  /** What became of the tokens of these responses. */
  private async inOrderOf(responses: readonly TokenResponse[], refresh: ProjectRefresh) {
    const found = await this.tokensReader.pick(
      refresh,
      responses.map(({ tokenId }) => tokenId),
    );
    const byId = new Map(found.map((token) => [token.tokenId, token]));
    return responses.flatMap(({ tokenId }) => byId.get(tokenId) ?? []);
  }

  /** `known`: their last responses, if they have been read. */
  private async show(
    refresh: ProjectRefresh,
    rows: Awaited<ReturnType<RefreshTokensReader['pick']>>,
    known?: readonly TokenResponse[],
  ) {
    const ids = rows.map(({ tokenId }) => tokenId);
    const names = await this.tokens.findNames(refresh.collectionId, ids);
    const responses = known ?? (await this.responses.find(refresh, ids));
    const nameOf = new Map(names.map((name) => [name.tokenId, name]));
    const responseOf = new Map(responses.map((response) => [response.tokenId, response]));
    return rows.map((token) =>
      toRefreshToken(token, { name: nameOf.get(token.tokenId), response: responseOf.get(token.tokenId) }),
    );
  }

  private async firstCollectionOf(person: Person) {
    if (person.kind === 'operator') return null;
    const [first] = await this.collections.list({ projectId: person.project.id, limit: 1 });
    return first ? this.names.ofCollection(first) : null;
  }
}
