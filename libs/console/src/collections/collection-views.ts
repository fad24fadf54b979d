import { BoundedReads, MetadataRefreshService } from '@app/metadata-refresh';
import { Collections, type Collection } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import { notFound } from '../console.errors.js';
import { formatCursor, toMicroseconds } from '../cursor.js';
import { Names } from '../names.js';
import { maySee, ownProjectId, type Person } from '../person.js';
import { idSchema } from '../query.js';
import type { CollectionList } from '../wire/collection.schema.js';

const LIST_SIZE = 200;

/** The collections that a person may see. */
@Injectable()
export class CollectionViews {
  constructor(
    private readonly reads: BoundedReads,
    private readonly collections: Collections,
    private readonly refreshes: MetadataRefreshService,
    private readonly names: Names,
  ) {}

  list(person: Person, after: { createdAt: string; id: string } | undefined): Promise<CollectionList> {
    return this.reads.run(async (now) => {
      const rows = await this.collections.list({
        projectId: ownProjectId(person),
        limit: LIST_SIZE,
        ...(after && { after: { id: after.id, createdAt: new Date(after.createdAt) } }),
      });
      const nameOf = await this.names.ofCollections(rows.map(({ id }) => id));
      const projectOf = await this.names.ofProjects(
        person,
        rows.map(({ projectId }) => projectId),
      );
      const last = rows.length < LIST_SIZE ? undefined : rows.at(-1);
      return {
        now: now.toISOString(),
        rows: rows.map((collection) => ({
          ...nameOf(collection.id, collection.address),
          project: projectOf(collection.projectId),
          canFetch: this.refreshes.canFetch(collection),
        })),
        next: last ? formatCursor({ createdAt: toMicroseconds(last.createdAt), id: last.id }) : null,
      };
    });
  }

  /** Throws Refused for one of another project, and for a text that is no id. */
  async get(person: Person, collectionId: string): Promise<Collection> {
    if (!idSchema.safeParse(collectionId).success) throw notFound();
    const collection = await this.collections.find(collectionId);
    if (!collection || !maySee(person, collection.projectId)) throw notFound();
    return collection;
  }
}
