import { isTokenId } from './token-id.js';

/** The text is not a decimal uint256. */
export class InvalidTokenId extends Error {
  override readonly name = 'InvalidTokenId';
  constructor(readonly tokenId: string) {
    super(
      `Token id ${JSON.stringify(tokenId.slice(0, 100))} is not a decimal uint256: digits only, no leading zero, below 2^256.`,
    );
  }
  static check(tokenIds: readonly string[]): void {
    const wrong = tokenIds.find((tokenId) => !isTokenId(tokenId));
    if (wrong !== undefined) throw new InvalidTokenId(wrong);
  }
}

/** The contract is registered already. */
export class CollectionAlreadyExists extends Error {
  override readonly name = 'CollectionAlreadyExists';
  constructor(readonly collection: { chainId: number; address: string }) {
    super(
      `Collection ${collection.address} on chain ${collection.chainId} is already registered; a token contract belongs to one project.`,
    );
  }
}

/** The collection is not registered, or is being removed. */
export class UnknownCollection extends Error {
  override readonly name = 'UnknownCollection';
  constructor(readonly collectionId: string) {
    super(`Collection ${collectionId} is not registered.`);
  }
}

/** The collection would hold more tokens than the caller may register. Nothing was registered. */
export class CollectionFull extends Error {
  override readonly name = 'CollectionFull';
  constructor(
    /** Tokens that the collection may hold. */
    readonly limit: number,
  ) {
    super(`The collection may hold at most ${limit} tokens, and these would exceed it.`);
  }
}

/** A value of the collection is invalid; the message names it and its rule. */
export class InvalidCollection extends Error {
  override readonly name = 'InvalidCollection';
}

/** A range of token ids is none, or there are too many; the message says which. */
export class InvalidSelection extends Error {
  override readonly name = 'InvalidSelection';
}

/** A bound of a range is not a decimal number. */
export class InvalidTraitRange extends Error {
  override readonly name = 'InvalidTraitRange';
  constructor(readonly bound: string) {
    super(`${JSON.stringify(bound.slice(0, 100))} is not a decimal number, such as 5 or -0.25.`);
  }
  static check(bound: string): void {
    if (!/^-?[0-9]{1,100}(\.[0-9]{1,100})?$/.test(bound)) throw new InvalidTraitRange(bound);
  }
}

/** The cursor is not valid, or belongs to another order; the message says which. */
export class InvalidCursor extends Error {
  override readonly name = 'InvalidCursor';
}

/** A store that implements only `listTokens` supports only the order `token_id`. */
export class OrderNotSupported extends Error {
  override readonly name = 'OrderNotSupported';
  constructor(readonly order: string) {
    super(`This TokenStore lists tokens by token_id, ascending, and not by ${order}.`);
  }
}

/**
 * Rows of trait values were deleted while tokens with them were written. Nothing is written; write the batch again. Only
 * statements of others delete them.
 */
export class TraitsDeleted extends Error {
  override readonly name = 'TraitsDeleted';
  constructor(values: number) {
    super(`${values} trait values were deleted while they were written to tokens.`);
  }
}

/** The host application keeps token records in a TokenStore of its own, and gave no VersionStore for them. */
export class VersionsNotSupported extends Error {
  override readonly name = 'VersionsNotSupported';
  constructor() {
    super('This deployment keeps no versions of token records: its TokenStore comes without a VersionStore.');
  }
}

/** The host application keeps token records in a TokenStore of its own, and gave no StagingStore for them. */
export class RevealsNotSupported extends Error {
  override readonly name = 'RevealsNotSupported';
  constructor() {
    super('This deployment has no reveals: its TokenStore comes without a StagingStore.');
  }
}

/** The StagingStore of the host application does not say what publishing its documents would change. */
export class PreviewsNotSupported extends Error {
  override readonly name = 'PreviewsNotSupported';
  constructor() {
    super('This deployment has no previews of reveals: its StagingStore does not provide them.');
  }
}
