import { InvalidTokenId, normalizeSelection, type Collection, type TokenStore } from '@app/token-store';
import type { WantedTokens } from './refresh-request.js';

/** Each id once; ranges that do not overlap. Throws InvalidTokenId, InvalidSelection. */
export function withoutRepeats(wanted: WantedTokens): WantedTokens {
  if (wanted.tokenIds) {
    // "01" would be a second token, with the row of "1".
    InvalidTokenId.check(wanted.tokenIds);
    return { tokenIds: [...new Set(wanted.tokenIds)] };
  }
  return { selection: normalizeSelection(wanted.selection) };
}

/** How many tokens a refresh would have now. */
export async function countWanted(tokens: TokenStore, collection: Collection, wanted: WantedTokens): Promise<number> {
  return wanted.tokenIds ? wanted.tokenIds.length : tokens.countSelected(collection.id, wanted.selection);
}
