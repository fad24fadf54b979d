import type { WantedTokens } from '@app/metadata-refresh';
import type { Command } from 'commander';
import { parseTime, withCollection, withJson } from './option-values.js';
import { readFailures, toFailureLines } from './refresh-failures.js';
import { waitForRefreshes } from './refresh-wait.js';
import { findCollection, type CollectionOptions } from './registered-collection.js';
import type { Session } from './session.js';
import { wantedTokens, withSelectionOptions, type SelectionOptions } from './selection-options.js';

interface RequestOptions extends CollectionOptions, SelectionOptions {
  notBefore?: Date;
  lowPriority?: boolean;
  estimate?: boolean;
  wait?: boolean;
  runWorker?: boolean;
}

/** `refresh request`, the default command of its group. */
export function addRefreshRequestCommand(refresh: Command, session: Session): void {
  const command = withSelectionOptions(withJson(withCollection(refresh.command('request', { isDefault: true }))))
    .description("request a refresh (the default command); it does not count towards the project's limits")
    .option('--not-before <time>', 'begin at this time, at most 30 days ahead', parseTime)
    .option('--low-priority', 'fetch its tokens when no other refresh of the project waits for the metadata host')
    .option('--estimate', 'print how many tokens these are and how long it would take; request nothing')
    .option('--wait', 'wait until a running service completes it. Exit status 1 if tokens failed')
    .option('--run-worker', "wait, and process the queue here with this shell's settings; needs no service")
    .action((options: RequestOptions) => request(session, options));
  refresh.addHelpText('after', () => `\nWithout a command, "request":\n\n${command.helpInformation()}`);
}

async function request(session: Session, options: RequestOptions): Promise<void> {
  if (options.notBefore && (options.wait || options.runWorker)) {
    throw new Error(
      'A refresh that begins later is not waited for: leave out --wait and --run-worker, or --not-before.',
    );
  }
  const requests = wantedTokens(options);
  const collection = await findCollection(session, options);
  const service = await session.get('refreshing');
  if (options.estimate) return estimate(session, options, requests);

  const timing = {
    ...(options.notBefore && { notBefore: options.notBefore }),
    ...(options.lowPriority && { priority: 'low' as const }),
  };
  const accepted: { refreshIds: string[]; tokens: number } = { refreshIds: [], tokens: 0 };
  try {
    for (const wanted of requests) {
      const { refreshId, tokens } = await service.requestSelection(collection, {
        ...wanted,
        ...timing,
        trigger: 'cli',
      });
      accepted.refreshIds.push(refreshId);
      accepted.tokens += tokens;
    }
  } finally {
    // Also when a later one fails: its error follows what was accepted.
    if (accepted.refreshIds.length > 0) await report(session, accepted, options);
  }
}

async function estimate(session: Session, options: RequestOptions, requests: readonly WantedTokens[]): Promise<void> {
  const collection = await findCollection(session, options);
  const service = await session.get('refreshing');
  let tokens = 0;
  let seconds: number | null = 0;
  for (const wanted of requests) {
    const one = await service.estimateSelection(collection, wanted);
    tokens += one.tokens;
    seconds = seconds === null || one.expectedSeconds === null ? null : seconds + one.expectedSeconds;
  }
  session.print({ tokens, expected_seconds: seconds });
}

async function report(
  session: Session,
  { refreshIds, tokens }: { refreshIds: readonly string[]; tokens: number },
  { wait = false, runWorker = false }: RequestOptions,
): Promise<void> {
  if (!wait && !runWorker) return session.print({ refresh_ids: refreshIds, tokens });

  const { succeeded, failed, cancelled } = await waitForRefreshes(session, { refreshIds, tokens, runWorker });
  const failures = await readFailures(session, refreshIds);
  if (failed > 0) session.exitStatus = 1;
  session.print({ refresh_ids: refreshIds, succeeded, failed, ...(cancelled > 0 && { cancelled }), failures }, [
    `refresh_ids: ${refreshIds.join(',')}`,
    `succeeded: ${succeeded}`,
    `failed: ${failed}`,
    ...(cancelled > 0 ? [`cancelled: ${cancelled}`] : []),
    ...failures.flatMap(toFailureLines),
  ]);
}
