const DECIMAL = /^(0|[1-9][0-9]{0,77})$/;
const LARGEST = (2n ** 256n - 1n).toString();

/** A uint256 in decimal digits, without leading zeros: the one spelling that token ids have here. */
export function isTokenId(text: string): boolean {
  if (!DECIMAL.test(text)) return false;
  return text.length < LARGEST.length || text <= LARGEST;
}
