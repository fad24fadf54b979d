import { readFile } from 'node:fs/promises';
import { isTokenId } from '@app/token-store';

/** More in one command is probably a mistake. */
const MAX_TOKENS = 1_000_000;

class InvalidTokenList extends Error {
  override readonly name = 'InvalidTokenList';
}

/** `1-1000,5000`: ids and inclusive ranges, in any order; each id once. Throws InvalidTokenList. */
export function parseTokenIds(text: string): string[] {
  const ids = new Set<string>();
  for (const part of text.split(/[\s,]+/).filter(Boolean)) {
    const [first = '', last = first, ...rest] = part.split('-');
    if (rest.length > 0 || !isTokenId(first) || !isTokenId(last)) {
      throw new InvalidTokenList(`${JSON.stringify(part)} is not a token id or a range: write "1-1000,5000".`);
    }
    if (BigInt(first) > BigInt(last))
      throw new InvalidTokenList(`Range ${part} runs backwards: write "${last}-${first}".`);
    if (BigInt(last) - BigInt(first) >= MAX_TOKENS)
      throw new InvalidTokenList(`Range ${part} has more than ${MAX_TOKENS} tokens.`);
    for (let id = BigInt(first); id <= BigInt(last); id += 1n) ids.add(id.toString());
    if (ids.size > MAX_TOKENS) throw new InvalidTokenList(`The list has more than ${MAX_TOKENS} tokens.`);
  }
  if (ids.size === 0) throw new InvalidTokenList('The list of tokens is empty: write "1-1000,5000".');
  return [...ids];
}

export interface TokenOptions {
  tokens?: string;
  tokensFile?: string;
}

/** The ids of both options, each once. Empty without either. Throws InvalidTokenList. */
export async function tokenIdsOf({ tokens, tokensFile }: TokenOptions): Promise<string[]> {
  const fromFile = tokensFile ? await readTokenIds(tokensFile) : [];
  return [...new Set([...(tokens ? parseTokenIds(tokens) : []), ...fromFile])];
}

/** Ids in a file are separated by commas, spaces or line breaks. */
async function readTokenIds(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new InvalidTokenList(`The tokens file cannot be read: ${error.message}`);
  });
  return parseTokenIds(text);
}
