import { appendSegment, tidyUri } from '@app/metadata-uri';
import type { TokenStandard } from './erc1155-id.js';

/**
 * How to get the token URI from a contract's result. `standard`: the result, with `{id}` replaced if the contract is ERC-1155.
 * `as_is`: the result, with its braces. `append_decimal`: the result, a slash and the token id, for contracts that return
 * their base URI. `base_uri`: as `standard`; if the call reverts, `baseURI()`, a slash and the token id.
 */
export type UriRule = 'standard' | 'as_is' | 'append_decimal' | 'base_uri';

/** A token URI from a contract, with the standard of the contract if it is known. */
export interface TokenUri {
  kind: 'token_uri';
  /** In any form that a contract may return. */
  uri: string;
  standard?: TokenStandard | undefined;
}

/** Applies the rule to a contract's result. An empty result stays empty: the token has no URI. */
export function toTokenUri(
  result: string,
  { uriRule, tokenId, standard }: { uriRule: UriRule; tokenId: string; standard: TokenStandard },
): TokenUri {
  switch (uriRule) {
    case 'standard':
    case 'base_uri':
      return { kind: 'token_uri', uri: result, standard };
    case 'as_is':
      // ERC-721 has no placeholders.
      return { kind: 'token_uri', uri: result, standard: 'erc721' };
    case 'append_decimal':
      return { kind: 'token_uri', uri: appendTokenId(result, tokenId), standard };
  }
}

/** Appends the id after exactly one slash. */
export function appendTokenId(base: string, tokenId: string): string {
  const tidy = tidyUri(base);
  return tidy === '' ? '' : appendSegment(tidy, tokenId);
}
