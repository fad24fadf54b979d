export class CollectionOnSeveralChains extends Error {
  override readonly name = 'CollectionOnSeveralChains';
  constructor(
    readonly address: string,
    readonly chainIds: readonly number[],
  ) {
    super(`Collection ${address} is registered on the chains ${chainIds.join(', ')}: name one of them in chain_id.`);
  }
}
