import { Injectable } from '@nestjs/common';
import { VersionsNotSupported } from './token-store.errors.js';
import { VersionStore, type DeletedVersions, type EndedHold, type VersionChange } from './version-store.js';

/** Of a host with a TokenStore of its own, which did not provide a VersionStore. */
@Injectable()
export class NoVersionStore extends VersionStore {
  override async findChanges(): Promise<VersionChange[]> {
    return [];
  }

  override async listVersions(): Promise<never> {
    throw new VersionsNotSupported();
  }

  override async findVersion(): Promise<never> {
    throw new VersionsNotSupported();
  }

  override async findChangesBetween(): Promise<never> {
    throw new VersionsNotSupported();
  }

  override async hold(): Promise<never> {
    throw new VersionsNotSupported();
  }

  override async endHolds(): Promise<number> {
    return 0;
  }

  override async dropHolds(): Promise<void> {}

  override async requestAfterHold(): Promise<never> {
    throw new VersionsNotSupported();
  }

  override async findEndedHolds(): Promise<string[]> {
    return [];
  }

  override async takeEndedHolds(): Promise<EndedHold[]> {
    return [];
  }

  override async deleteExpired(): Promise<DeletedVersions> {
    return { documents: 0, versions: 0 };
  }
}
