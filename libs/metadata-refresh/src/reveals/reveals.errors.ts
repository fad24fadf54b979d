import type { Reveal } from './reveal.js';

/** No reveal of this project has the id. A reveal of another project counts as not found. */
export class RevealNotFound extends Error {
  override readonly name = 'RevealNotFound';
  constructor(readonly revealId: string) {
    super(`Reveal ${revealId} does not exist.`);
  }
}

/** A collection has one open reveal at a time. Nothing was accepted or counted. */
export class RevealInProgress extends Error {
  override readonly name = 'RevealInProgress';
  constructor(
    readonly collectionAddress: string,
    /** The reveal that is open. */
    readonly revealId: string,
    /** Another one of the collection is being reverted. */
    isReverting = false,
  ) {
    super(
      isReverting
        ? `Reveal ${revealId} of collection ${collectionAddress} is being reverted: wait for that.`
        : `Collection ${collectionAddress} has an open reveal already, ${revealId}: publish or cancel it first.`,
    );
  }
}

/** It is too late: the reveal is published, reverted, cancelled or expired, or is becoming one of these. */
export class RevealEnded extends Error {
  override readonly name = 'RevealEnded';
  constructor({ id, state }: Pick<Reveal, 'id' | 'state'>) {
    super(`Reveal ${id} is ${state}: it cannot be changed any more.`);
  }
}

/** Tokens of the reveal are pending, or too few are staged. It did not change. */
export class RevealNotReady extends Error {
  override readonly name = 'RevealNotReady';
  constructor({ id, total, staged, failed, pending, refreshId, minSucceeded }: Reveal) {
    super(
      pending > 0
        ? `Reveal ${id} is not ready: ${pending} of its ${total} tokens are pending. Wait for them, or cancel what is pending of refresh ${refreshId} and of its retries.`
        : `Reveal ${id} is not ready: ${staged} of its ${total} tokens are staged and ${failed} have failed or were cancelled, and its min_succeeded is ${minSucceeded}. Retry refresh ${refreshId} if any of its tokens have failed, or publish with a lower min_succeeded.`,
    );
  }
}

/** The reveal has changed no record, or the documents before are not kept; the message says which. It did not change. */
export class RevealNotRevertible extends Error {
  override readonly name = 'RevealNotRevertible';

  static notPublished({ id, state }: Pick<Reveal, 'id' | 'state'>): RevealNotRevertible {
    const advice = {
      publishing: 'Wait until it is published.',
      cancelled: 'It has changed nothing.',
      expired: 'It has changed nothing.',
    };
    const next = advice[state as keyof typeof advice] ?? 'Cancel it instead: it has changed nothing yet.';
    return new RevealNotRevertible(`Reveal ${id} is ${state}, and only a published reveal can be reverted. ${next}`);
  }

  static withoutChanges({ id }: Pick<Reveal, 'id'>): RevealNotRevertible {
    return new RevealNotRevertible(`Reveal ${id} has changed no record: there is nothing to revert.`);
  }

  static withoutVersions({ id }: Pick<Reveal, 'id'>, keepVersions: number): RevealNotRevertible {
    return new RevealNotRevertible(
      `Reveal ${id} cannot be reverted: this deployment keeps no earlier documents (keepVersions is ${keepVersions}, and a revert needs 2 or more).`,
    );
  }
}

/** What was said of a reveal is not possible; the message says why. Nothing was accepted or counted. */
export class InvalidReveal extends Error {
  override readonly name = 'InvalidReveal';
}

/** The reveal is published, cancelled or expired, so its documents are gone. */
export class RevealDocumentsDeleted extends Error {
  override readonly name = 'RevealDocumentsDeleted';
  constructor({ id, state }: Pick<Reveal, 'id' | 'state'>) {
    super(
      state === 'published'
        ? `Reveal ${id} is published: its documents are in the records of their tokens now, which are to be read instead.`
        : `Reveal ${id} is ${state}: its documents are deleted, and there is nothing to look at any more. Create a new one.`,
    );
  }
}

/** The reveal has no such token. */
export class TokenNotInReveal extends Error {
  override readonly name = 'TokenNotInReveal';
  constructor(
    readonly revealId: string,
    readonly tokenId: string,
  ) {
    super(`Token ${tokenId} is not a token of reveal ${revealId}.`);
  }
}
