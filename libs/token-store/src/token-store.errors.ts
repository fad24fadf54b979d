import { isTokenId } from './token-id.js';

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
    super(`The collection may hold ${limit} tokens, and would hold more.`);
  }
}

export class InvalidCollection extends Error {
  override readonly name = 'InvalidCollection';
}
