import type { RevealPublication } from '@app/metadata-refresh';
import type { HoldEnd } from '@app/token-store';
import { InvalidArgumentError, type Command } from 'commander';
import { parseDuration, parseHoldEnd, parseTime, withCollection, withJson, withYes } from './option-values.js';
import { findCollection, type CollectionOptions } from './registered-collection.js';
import { addRevealPreviewCommands } from './reveal-preview.commands.js';
import { printReveal } from './reveal-report.js';
import { untilDone } from './reveal-wait.js';
import type { Session } from './session.js';
import { wantedTokens, withSelectionOptions, type SelectionOptions } from './selection-options.js';

type CreateOptions = CollectionOptions &
  SelectionOptions & { publish?: RevealPublication; minSucceeded?: number; maxAge?: number };

/** Documents that are fetched ahead, and shown together. */
export function addRevealCommands(reveal: Command, session: Session): void {
  withSelectionOptions(withJson(withCollection(reveal.command('create'))))
    .description('fetch documents for a reveal; readers see nothing of them until it is published')
    .option(
      '--publish <when>',
      'manual (the default), when_complete, or a time such as 2026-12-01T18:00:00Z',
      parsePublication,
    )
    .option('--min-succeeded <part>', 'of its tokens that must be staged, above 0 and at most 1; default: 1', parsePart)
    .option(
      '--max-age <duration>',
      'expire if it is not published for so long, such as 24h (the default)',
      parseDuration,
    )
    .action((options: CreateOptions) => create(session, options));

  withJson(
    reveal
      .command('show')
      .description('show the state of a reveal, its counts, what it would change and what to do next'),
  )
    .requiredOption('--reveal <id>')
    .action(async ({ reveal: revealId }: { reveal: string }) => {
      const reveals = await session.get('reveals');
      await printReveal(session, await reveals.get({ revealId }), await reveals.findChanges({ revealId }));
    });

  addRevealPreviewCommands(reveal, session);

  withJson(reveal.command('publish'))
    .description('show all staged documents at the same moment, and wait for that; with --at, then')
    .requiredOption('--reveal <id>')
    .option('--at <time>', 'publish then, before the reveal expires', parseTime)
    .option('--min-succeeded <part>', 'replaces that of the reveal', parsePart)
    .action(async ({ reveal: revealId, ...options }: { reveal: string; at?: Date; minSucceeded?: number }) => {
      const reveals = await session.get('reveals');
      await reveals.publish({ revealId }, options);
      await printReveal(session, await untilDone(session, revealId, 'publishing'));
    });

  withYes(withJson(reveal.command('cancel')))
    .description('cancel a reveal: pending tokens are not fetched any more, and its documents are deleted')
    .requiredOption('--reveal <id>')
    .action(async ({ reveal: revealId, yes }: { reveal: string; yes?: boolean }) => {
      const reveals = await session.get('reveals');
      const { state, total, staged } = await reveals.get({ revealId });
      if (state === 'staging' || state === 'staged') {
        const consequence = `This cancels reveal ${revealId} of ${total} tokens, and deletes its ${staged} staged documents.`;
        await session.confirm(consequence, { yes });
      }
      await printReveal(session, await reveals.cancel({ revealId }));
    });

  withJson(reveal.command('revert'))
    .description('show again what a published reveal has replaced, all at the same moment, and wait for that')
    .requiredOption('--reveal <id>')
    .option('--hold-until <time>', 'refreshes do not change the tokens before; or "forever"', parseHoldEnd)
    .action(async ({ reveal: revealId, holdUntil }: { reveal: string; holdUntil?: HoldEnd }) => {
      await (await session.get('reveals')).revert({ revealId }, { holdUntil });
      await printReveal(session, await untilDone(session, revealId, 'reverting'));
    });
}

async function create(session: Session, options: CreateOptions): Promise<void> {
  const [wanted, ...others] = wantedTokens(options);
  if (others.length > 0) {
    throw new Error(
      'A reveal is one refresh: name at most 1,000 tokens, at most 100 ranges of them (such as 1-5000,6001-10000), or --all.',
    );
  }
  const collection = await findCollection(session, options);
  const { publish, minSucceeded, maxAge: maxAgeSeconds } = options;
  const accepted = await (
    await session.get('reveals')
  ).createForCollection(collection, { ...wanted!, publish, minSucceeded, maxAgeSeconds });
  session.print({ reveal_id: accepted.revealId, refresh_id: accepted.refreshId, tokens: accepted.tokens });
}

function parsePublication(text: string): RevealPublication {
  if (text === 'manual' || text === 'when_complete') return text;
  try {
    return { at: parseTime(text) };
  } catch {
    throw new InvalidArgumentError('It must be manual, when_complete, or a time such as 2026-12-01T18:00:00Z.');
  }
}

/** The range is checked with the other parts of the plan. */
function parsePart(text: string): number {
  if (!/^[0-9]{0,3}(\.[0-9]{1,9})?$/.test(text) || text === '')
    throw new InvalidArgumentError('It must be a number above 0 and at most 1, such as 0.99.');
  return Number(text);
}
