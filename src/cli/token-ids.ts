import { readFile } from 'node:fs/promises';
import { isTokenId, type TokenRange } from '@app/token-store';

/** More in one command is probably a mistake. */
export const MAX_TOKENS = 1_000_000;

class InvalidTokenList extends Error {
  override readonly name = 'InvalidTokenList';
}

/** `1-1000,5000`: ids and inclusive ranges, in any order. Throws InvalidTokenList. */
export function parseTokenRanges(text: string): TokenRange[] {
  const ranges = text.split(/[\s,]+/).flatMap((part) => (part === '' ? [] : [parseRange(part)]));
  if (ranges.length === 0) throw new InvalidTokenList('The list of tokens is empty: write "1-1000,5000".');
  return ranges;
}

function parseRange(part: string): TokenRange {
  const [from = '', to = from, ...rest] = part.split('-');
  if (rest.length > 0 || !isTokenId(from) || !isTokenId(to)) {
    throw new InvalidTokenList(`${JSON.stringify(part)} is not a token id or a range: write "1-1000,5000".`);
  }
  if (BigInt(from) > BigInt(to)) throw new InvalidTokenList(`Range ${part} runs backwards: write "${to}-${from}".`);
  return { from, to };
}

/** The ids of `1-1000,5000`, each once. Throws InvalidTokenList, also for too many. */
export function parseTokenIds(text: string): string[] {
  return idsOf(parseTokenRanges(text));
}

/** The id of one token. Throws an Error for several, InvalidTokenList for what is none. */
export function oneTokenId(text: string): string {
  const [tokenId, ...more] = parseTokenIds(text);
  if (more.length > 0) throw new Error(`Name one token; ${JSON.stringify(text)} are ${more.length + 1}.`);
  return tokenId!;
}

/** Each id once. Throws InvalidTokenList for too many. */
export function idsOf(ranges: readonly TokenRange[]): string[] {
  const ids = new Set<string>();
  for (const { from, to } of ranges) {
    if (BigInt(to) - BigInt(from) >= MAX_TOKENS)
      throw new InvalidTokenList(`Range ${from}-${to} has more than ${MAX_TOKENS} tokens.`);
    for (let id = BigInt(from); id <= BigInt(to); id += 1n) ids.add(id.toString());
    if (ids.size > MAX_TOKENS) throw new InvalidTokenList(`The list has more than ${MAX_TOKENS} tokens.`);
  }
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
