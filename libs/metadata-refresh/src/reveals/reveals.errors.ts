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
  ) {
    super(`Collection ${collectionAddress} has an open reveal already, ${revealId}: publish or cancel it first.`);
  }
}

/** It is too late: the reveal is published, cancelled or expired, or is being published. */
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
        ? `Reveal ${id} is not ready: ${pending} of its ${total} tokens are pending. Wait for them, or cancel refresh ${refreshId}.`
        : `Reveal ${id} is not ready: ${staged} of its ${total} tokens are staged and ${failed} have failed, and its min_succeeded is ${minSucceeded}. Retry refresh ${refreshId}, or publish with a lower min_succeeded.`,
    );
  }
}

/** What was said of a reveal is not possible; the message says why. Nothing was accepted or counted. */
export class InvalidReveal extends Error {
  override readonly name = 'InvalidReveal';
}
