import { Injectable } from '@nestjs/common';
import { RevealsNotSupported } from '../token-store.errors.js';
import { StagingStore } from './staging-store.js';

/** Of a host with a TokenStore of its own, which did not provide a StagingStore. */
@Injectable()
export class NoStagingStore extends StagingStore {
  override readonly isSupported = false;

  override async prepare(): Promise<void> {}

  override async stage(): Promise<never> {
    throw new RevealsNotSupported();
  }

  override async page(): Promise<never> {
    throw new RevealsNotSupported();
  }

  override async recordRevealed(): Promise<never> {
    throw new RevealsNotSupported();
  }

  override async pageRevealed(): Promise<never> {
    throw new RevealsNotSupported();
  }

  override async deleteStaged(): Promise<number> {
    return 0;
  }

  override async deleteRevealed(): Promise<number> {
    return 0;
  }
}
