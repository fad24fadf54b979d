import { appendSegment } from '@app/metadata-uri';
import type { TokenStandard } from './token-id-template.js';

/**
 * What is made of a contract's answer. `standard`: the URI, with `{id}` replaced if the contract is ERC-1155. `as_is`:
 * the URI, braces and all. `append_decimal`: the URI, a slash and the token id, for contracts that answer their base URI.
 * `base_uri`: as `standard`, and where the contract refuses, its `baseURI()`, a slash and the token id.
 */
export type UriRule = 'standard' | 'as_is' | 'append_decimal' | 'base_uri';

export interface TokenUri {
  kind: 'token_uri';
  /** In any of its forms. */
  uri: string;
  standard?: TokenStandard | undefined;
}

/** The token URI that a contract's answer stands for. An empty answer stays empty: there is none. */
export function toTokenUri(
  answer: string,
  { uriRule, tokenId, standard }: { uriRule: UriRule; tokenId: string; standard: TokenStandard },
): TokenUri {
  switch (uriRule) {
    case 'standard':
    case 'base_uri':
      return { kind: 'token_uri', uri: answer, standard };
    case 'as_is':
      // As in ERC-721, where braces mean nothing.
      return { kind: 'token_uri', uri: answer, standard: 'erc721' };
    case 'append_decimal':
      return { kind: 'token_uri', uri: appendTokenId(answer, tokenId), standard };
  }
}

/** With one slash between the two, whether or not the base ends in one. */
export function appendTokenId(base: string, tokenId: string): string {
  const trimmed = base.replaceAll('\0', '').trim();
  return trimmed === '' ? '' : appendSegment(trimmed, tokenId);
}
