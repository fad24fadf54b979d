import { MetadataRefreshService } from '@app/metadata-refresh';
import { asRefreshingProject } from '@app/refresh-api';
import type { Collection } from '@app/token-store';
import { Injectable } from '@nestjs/common';
import type { Person } from '../person.js';

/** Refreshes that people request on the console: those of partners count towards their hour, those of operators towards nothing. */
@Injectable()
export class NewRefreshes {
  constructor(private readonly refreshes: MetadataRefreshService) {}

  /** Returns its id. */
  async request(person: Person, collection: Collection, tokenIds: readonly string[]): Promise<string> {
    if (person.kind === 'operator') {
      return (await this.refreshes.requestSelection(collection, { tokenIds, trigger: 'console' })).refreshId;
    }
    const { address: collectionAddress, chainId } = collection;
    const project = asRefreshingProject(person.project);
    return (await this.refreshes.request(project, { collectionAddress, chainId, tokenIds })).refreshId;
  }
}
