import { toHex64 } from '@app/metadata-uri';

export type TokenStandard = 'erc721' | 'erc1155';

// Braces are not legal in a URL, so some contracts store them percent-encoded.
const TEMPLATE = /\{id\}|%7Bid%7D/gi;

/** Whether the text contains the `{id}` of ERC-1155. */
export function hasErc1155Id(text: string): boolean {
  return text.search(TEMPLATE) !== -1;
}

/** Replaces `{id}` by the token id in 64 lower-case hex digits without 0x, as ERC-1155 prescribes. */
export function expandErc1155Id(text: string, tokenId: string): string {
  return text.replace(TEMPLATE, () => toHex64(tokenId));
}
