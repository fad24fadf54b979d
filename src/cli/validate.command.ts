import { toValidationObject, type TokenValidation, type Validation } from '@app/metadata-refresh';
import { toChangeObject } from '@app/token-store';
import type { Command } from 'commander';
import { withCollection, withJson } from './option-values.js';
import { findCollection, type CollectionOptions } from './registered-collection.js';
import type { Session } from './session.js';
import { toTable } from './table.js';
import { parseTokenIds } from './token-ids.js';

interface ValidateOptions extends CollectionOptions {
  tokens: string;
}

export function addValidateCommand(validate: Command, session: Session): void {
  withJson(withCollection(validate))
    .requiredOption('--tokens <list>', 'at most 20 token ids, such as 1-10,777')
    .addHelpText('after', '\nThe exit status is 1 if a token would fail, or has no result.')
    .action(async (options: ValidateOptions) => {
      const tokenIds = parseTokenIds(options.tokens);
      const collection = await findCollection(session, options);
      const validation = await (await session.get('refreshing')).validateCollection(collection, tokenIds);
      if (validation.tokens.some(({ error, noResult }) => error ?? noResult)) session.exitStatus = 1;
      session.print({ ...toValidationObject(validation) }, toLines(validation));
    });
}

/** A table with a line for each token, then what to know and to do about them, each thing said once. */
function toLines({ tokens, verdicts, cooldown }: Validation): string[] {
  const counts = Object.entries(verdicts).filter(([, count]) => count > 0);
  return [
    ...toTable(['token', 'verdict', 'status', 'ms', 'bytes', 'details'], tokens.map(toRow)),
    '',
    counts.map(([verdict, count]) => `${verdict}: ${count}`).join(', '),
    ...(cooldown ? [`cooldown: ${cooldown.host} gets no requests until ${cooldown.until}`] : []),
    ...notes(tokens, reasonOf),
    ...notes(tokens, ({ warnings }) => warnings.map(({ code, message }) => [`warning ${code}`, message])),
    ...notes(tokens, redirectOf),
  ];
}

function toRow(token: TokenValidation): string[] {
  const { tokenId, verdict, error, noResult } = token;
  const request = token.requests.at(-1);
  const details = error?.reason ?? noResult?.reason ?? toChangeObject(token).changed_fields.join(', ');
  return [
    tokenId,
    verdict,
    String(request?.statusCode ?? '-'),
    String(request?.durationMs ?? '-'),
    String(request?.bytes ?? '-'),
    details,
  ];
}

/** `kind`: notes of a subject that say something else. */
type Note = readonly [subject: string, text: string, kind?: string];

function reasonOf({ error, noResult }: TokenValidation): Note[] {
  if (error) {
    const retries = error.isRetriedByRefresh ? ' A refresh would try again.' : '';
    return [[`${error.errorCode}, ${error.reason}`, `${error.advice}${retries}`]];
  }
  return noResult ? [[noResult.reason, noResult.advice]] : [];
}

function redirectOf({ requests }: TokenValidation): Note[] {
  const { url, redirects = [] } = requests.at(-1) ?? { url: '' };
  if (redirects.length === 0) return [];
  const chain = [url, ...redirects];
  return [['redirected', chain.join(' -> '), chain.map(hostOf).join(' ')]];
}

/** A redirect may lead to what is no URL. */
function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}

/** One line for each subject and kind, with the tokens that it is about; the text is that of the first one. */
function notes(tokens: readonly TokenValidation[], notesOf: (token: TokenValidation) => readonly Note[]): string[] {
  const found = tokens.flatMap((token) =>
    notesOf(token).map(([subject, text, kind = '']) => ({ token, subject, text, kind })),
  );
  return [...Map.groupBy(found, ({ subject, kind }) => `${subject} ${kind}`).values()].map((about) => {
    const [{ subject, text }] = about as [(typeof found)[number]];
    const ids = about.map(({ token }) => token.tokenId);
    return `${subject} (${ids.length === 1 ? 'token' : 'tokens'} ${ids.join(', ')}): ${about.some((note) => note.text !== text) ? 'such as ' : ''}${text}`;
  });
}
