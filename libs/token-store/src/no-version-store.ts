import { Injectable } from '@nestjs/common';
import { VersionStore, type VersionChange } from './version-store.js';

/** Of a host with a TokenStore of its own, which did not provide a VersionStore. */
@Injectable()
export class NoVersionStore extends VersionStore {
  override async findChanges(): Promise<VersionChange[]> {
    return [];
  }
}
