import { ProjectDirectory } from '@app/project-auth';
import { CollectionProfiles, Collections, type Collection } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import type { z } from 'zod';
import type { Person } from './person.js';
import type { collectionNameSchema, projectNameSchema } from './wire/values.schema.js';

type CollectionName = z.output<typeof collectionNameSchema>;
type ProjectName = z.output<typeof projectNameSchema>;

/** Looks up what ids are called. */
@Injectable()
export class Names {
  constructor(
    private readonly projects: ProjectDirectory,
    private readonly collections: Collections,
    private readonly profiles: CollectionProfiles,
  ) {}

  /** Returns a function from an id to the name. Partners are told none: everything they see is theirs. */
  async ofProjects(person: Person, ids: readonly string[]): Promise<(id: string) => ProjectName | null> {
    if (person.kind === 'partner') return () => null;
    const found = await this.projects.findAllById([...new Set(ids)]);
    const names = new Map(found.map(({ id, name }) => [id, name]));
    return (id) => ({ id, name: names.get(id) ?? id });
  }

  /** Returns a function from a collection to its name, also for one that was removed. */
  async ofCollections(ids: readonly string[]): Promise<(id: string, address: string) => CollectionName> {
    const wanted = [...new Set(ids)];
    const [collections, profiles] = [await this.collections.findAll(wanted), await this.profiles.find(wanted)];
    const byId = new Map(collections.map((collection) => [collection.id, collection]));
    const names = new Map(profiles.map(({ collectionId, name }) => [collectionId, name]));
    return (id, address) => {
      const collection = byId.get(id);
      return { id, chainId: collection?.chainId ?? 0, address, name: (collection && names.get(id)) ?? null };
    };
  }

  async ofCollection({ id, address, chainId }: Collection): Promise<CollectionName> {
    const [profile] = await this.profiles.find([id]);
    return { id, chainId, address, name: profile?.name ?? null };
  }
}
