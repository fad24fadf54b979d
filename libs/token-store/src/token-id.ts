const DECIMAL = /^(0|[1-9][0-9]{0,77})$/;
const MAX_UINT256 = (2n ** 256n - 1n).toString();

/** A uint256 in decimal digits, without leading zeros: the one spelling that token ids have here. */
export function isTokenId(text: string): boolean {
  if (!DECIMAL.test(text)) return false;
  return text.length < MAX_UINT256.length || text <= MAX_UINT256;
}
