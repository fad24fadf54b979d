import {
  CSV_HEADER,
  REFRESH_ERROR_CODES,
  toCsv,
  toNdjson,
  toTokenObject,
  VERDICT_NAMES,
  type RefreshErrorCode,
  type RefreshToken,
  type TokenState,
} from '@app/metadata-refresh';
import { isTokenId, toChangeObject, type ChangeObject } from '@app/token-store';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { withJson } from './option-values.js';
import { parseReason } from './refresh-reason.js';
import type { Session } from './session.js';

interface TokensOptions {
  refresh: string;
  verdict?: TokenState;
  errorCode?: RefreshErrorCode;
  reason?: string;
  token?: string;
  json?: boolean;
  csv?: boolean;
  ndjson?: boolean;
}

/** What is printed before, for and after the tokens. */
interface Format {
  start: string;
  toText: (tokens: readonly RefreshToken[], index: number) => string;
  end: string;
}

const FORMATS = {
  text: { start: '', toText: (tokens) => tokens.map((token) => `${toSentence(token)}\n`).join(''), end: '' },
  json: {
    start: '{"tokens":[',
    toText: (tokens, index) =>
      tokens.map((token, at) => `${index + at > 0 ? ',' : ''}${JSON.stringify(toTokenObject(token))}`).join(''),
    end: ']}\n',
  },
  csv: { start: CSV_HEADER, toText: toCsv, end: '' },
  ndjson: { start: '', toText: toNdjson, end: '' },
} as const satisfies Record<string, Format>;

/** `refresh tokens`: however many there are, memory holds one page of them. */
export function addRefreshTokensCommand(refresh: Command, session: Session): void {
  withJson(refresh.command('tokens').description('print what became of each token of a refresh, by token id'))
    .requiredOption('--refresh <id>')
    .addOption(new Option('--verdict <name>', 'only tokens with this verdict').choices([...VERDICT_NAMES, 'pending']))
    .addOption(
      new Option('--error-code <code>', 'only tokens that failed with this error code').choices([
        ...REFRESH_ERROR_CODES,
      ]),
    )
    .option('--reason <reason>', 'only tokens that failed for this reason, such as status_404', parseReason)
    .option('--token <id>', 'only this token', parseToken)
    .addOption(new Option('--csv', 'print CSV for spreadsheets').conflicts(['json', 'ndjson']))
    .addOption(new Option('--ndjson', 'print one JSON object a line').conflicts(['json']))
    .action(async (options: TokensOptions) => {
      const { refresh: id, verdict, errorCode, reason, token: tokenId } = options;
      const filter = { verdict, errorCode, reason, tokenId };
      const pages = (await session.get('refreshes')).tokenPages(id, filter);
      // Before anything is printed: its errors are the command's.
      const first = await pages.next();
      await print(textOf(formatOf(options), first.done ? [] : first.value, pages));
    });
}

function formatOf({ json, csv, ndjson }: TokensOptions): Format {
  if (json) return FORMATS.json;
  if (csv) return FORMATS.csv;
  return ndjson ? FORMATS.ndjson : FORMATS.text;
}

async function* textOf(
  { start, toText, end }: Format,
  first: readonly RefreshToken[],
  further: AsyncIterable<RefreshToken[]>,
): AsyncGenerator<string> {
  yield start + toText(first, 0);
  let printed = first.length;
  for await (const tokens of further) {
    yield toText(tokens, printed);
    printed += tokens.length;
  }
  yield end;
}

/** The next page is read when stdout has taken this one, and none when its reader has seen enough, such as `head`. */
async function print(texts: AsyncIterable<string>): Promise<void> {
  for await (const text of texts) {
    const error = await new Promise<NodeJS.ErrnoException | null | undefined>((written) => {
      process.stdout.write(text, written);
    });
    if (error?.code === 'EPIPE') return;
  }
}

/** One line for people. */
function toSentence(token: RefreshToken): string {
  const { tokenId, verdict, attempts, change, errorCode, reason, metadataUrl, statusCode, nextAttemptAt } = token;
  const details = [];
  if (token.metadataVersion !== null) details.push(`version ${token.metadataVersion}`);
  if (change) details.push(...describeChange(change));
  if (errorCode !== null) details.push(`${errorCode}, ${reason}`);
  if (statusCode !== null) details.push(`status ${statusCode}`);
  if (metadataUrl) details.push(`at ${metadataUrl}`);
  if (nextAttemptAt !== null) details.push(`attempt ${attempts + 1} at ${nextAttemptAt}`);
  return `token ${tokenId}: ${[verdict, ...details].join('; ')}`;
}

function describeChange(change: NonNullable<RefreshToken['change']>): string[] {
  const { changed_fields, traits_added, traits_removed, has_all_traits } = toChangeObject(change);
  return [
    `changed ${changed_fields.join(', ') || 'other parts of the document'}`,
    ...listTraits('added', traits_added),
    ...listTraits('removed', traits_removed),
    ...(has_all_traits ? [] : ['and more traits']),
  ];
}

function listTraits(verb: string, traits: ChangeObject['traits_added']): string[] {
  const texts = traits.map(({ trait_type, value }) => `${trait_type}: ${value}`);
  return texts.length === 0 ? [] : [`${verb} ${texts.join(', ')}`];
}

function parseToken(text: string): string {
  if (!isTokenId(text)) throw new InvalidArgumentError('It must be a decimal uint256 without leading zeros.');
  return text;
}
