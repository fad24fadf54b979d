import { BoundedReads, HostOverview, RefreshPages } from '@app/metadata-refresh';
import { WebhookNotFound, Webhooks } from '@app/metadata-events';
import { ProjectDirectory } from '@app/project-auth';
import { Collections, TokenStore, type Collection } from '@app/token-store';
import { Injectable, Optional } from '@nestjs/common';
import { Names } from '../names.js';
import { Pages } from '../pages.js';
import { maySee, ownProjectId, type Person, scopeOf } from '../person.js';
import type { Search } from '../wire/search.schema.js';

type Hit = Search['hits'][number];

/** Collections in which a token is looked up by its id alone. */
const MAX_COLLECTIONS = 100;
const MAX_HITS = 20;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ADDRESS = /^0x[0-9a-f]{40}$/i;
const TOKEN_ID = /^(0|[1-9][0-9]{0,77})$/;
/** Such as `api.example`, `api.example:8080`, `ipfs:` and `chain:1/0x…`. */
const HOST = /^[a-z0-9][a-z0-9._:/\-[\]]*[.:][a-z0-9._:/\-[\]]*$/i;

/** Finds what a text can be the name of: its form decides where it is looked up. */
@Injectable()
export class SearchViews {
  constructor(
    private readonly reads: BoundedReads,
    private readonly pages: Pages,
    private readonly refreshes: RefreshPages,
    private readonly hosts: HostOverview,
    private readonly collections: Collections,
    private readonly tokens: TokenStore,
    private readonly projects: ProjectDirectory,
    private readonly names: Names,
    @Optional() private readonly webhooks?: Webhooks,
  ) {}

  find(person: Person, text: string): Promise<Search> {
    return this.reads.run(async (now) => {
      const hits = await this.hits(person, text.trim());
      return { now: now.toISOString(), hits: hits.slice(0, MAX_HITS) };
    });
  }

  private async hits(person: Person, text: string): Promise<Hit[]> {
    if (UUID.test(text)) return this.byUuid(person, text.toLowerCase());
    if (ADDRESS.test(text)) return this.byAddress(person, text.toLowerCase());
    if (TOKEN_ID.test(text)) return this.byTokenId(person, text);
    if (HOST.test(text)) return this.byHost(person, text.toLowerCase());
    return [];
  }

  private async byUuid(person: Person, id: string): Promise<Hit[]> {
    const refresh = await this.refreshes.find(scopeOf(person), id);
    if (refresh) {
      const { name } = (await this.names.ofCollections([refresh.collectionId]))(
        refresh.collectionId,
        refresh.collectionAddress,
      );
      return [{ kind: 'refresh', label: id, detail: name ?? refresh.collectionAddress, link: `refreshes/${id}` }];
    }
    const collection = await this.collections.find(id);
    if (collection && maySee(person, collection.projectId)) return [this.toCollectionHit(collection, null)];
    const webhook = this.pages.has('webhooks') ? await this.webhooks?.get(id).catch(nullIfUnknown) : null;
    if (webhook && maySee(person, webhook.projectId)) {
      return [{ kind: 'webhook', label: id, detail: new URL(webhook.url).host, link: `webhooks/${id}` }];
    }
    return this.byProjectId(person, id);
  }

  private async byProjectId(person: Person, id: string): Promise<Hit[]> {
    const project = this.showsProjects(person) ? await this.projects.findById(id) : null;
    return project ? [{ kind: 'project', label: project.name, detail: id, link: `projects/${id}` }] : [];
  }

  private async byAddress(person: Person, address: string): Promise<Hit[]> {
    const found = (await this.collections.findByAddress(address)).filter(({ projectId }) => maySee(person, projectId));
    const nameOf = await this.names.ofCollections(found.map(({ id }) => id));
    const hits = found.map((collection) => this.toCollectionHit(collection, nameOf(collection.id, address).name));
    const owned = this.showsProjects(person) ? await this.projects.findByOwner(address) : null;
    return owned
      ? [...hits, { kind: 'project', label: owned.name, detail: `owned by ${address}`, link: `projects/${owned.id}` }]
      : hits;
  }

  /** Whether a hit would lead to a page. */
  private showsProjects(person: Person): boolean {
    return person.kind === 'operator' && this.pages.has('projects');
  }

  private async byTokenId(person: Person, tokenId: string): Promise<Hit[]> {
    const collections = await this.collections.list({
      projectId: ownProjectId(person),
      limit: MAX_COLLECTIONS,
    });
    const records = await this.tokens.findTokens(collections.map(({ id }) => ({ collectionId: id, tokenId })));
    return records.map(({ chainId, collectionAddress, name }) => ({
      kind: 'token',
      label: `${tokenId} of ${collectionAddress}`,
      detail: name ?? 'no name',
      link: `tokens/${chainId}/${collectionAddress}/${tokenId}`,
    }));
  }

  private async byHost(person: Person, host: string): Promise<Hit[]> {
    const isKnown = await this.hosts.isKnown(scopeOf(person), host);
    return isKnown
      ? [{ kind: 'host', label: host, detail: 'Metadata host', link: `hosts/${encodeURIComponent(host)}` }]
      : [];
  }

  private toCollectionHit({ id, address, chainId }: Collection, name: string | null): Hit {
    return {
      kind: 'collection',
      label: name ?? address,
      detail: `Collection on chain ${chainId}`,
      link: `refreshes?collection=${id}`,
    };
  }
}

function nullIfUnknown(error: unknown): null {
  if (error instanceof WebhookNotFound) return null;
  throw error;
}
