import type { ChainStatus } from '@app/chain-events';
import type { LaneStatus, QueueStatus, WaitingTokens } from '@app/metadata-refresh';
import type { ReadMetrics, Sample } from './read-metrics.js';
import type { SharedState, SharedStatus } from './shared-status.js';

/** The project and the host of all lanes that have no series of their own. */
const OTHER = 'other';

/** Metrics of what all processes share. Each of them serves the same values. Without a database, only one of them has a value. */
export function registerSharedMetrics(metrics: ReadMetrics, shared: SharedStatus): void {
  const gauge = (name: string, help: string, toSamples: (state: SharedState) => Sample[]) =>
    metrics.gauge(name, help, async () => {
      const state = await shared.read();
      return state ? toSamples(state) : [];
    });
  metrics.gauge('nft_refresh_database_up', 'Whether the database responds to this process.', async () => [
    [{}, Number(await shared.isDatabaseUp())],
  ]);
  registerQueueMetrics(gauge);
  registerEventMetrics(gauge);
  registerChainStatusMetrics(gauge);
}

type RegisterGauge = (name: string, help: string, toSamples: (state: SharedState) => Sample[]) => void;

function registerQueueMetrics(gauge: RegisterGauge): void {
  gauge('nft_refresh_queue_tokens', 'Tokens without a result, by project, metadata host and state.', ({ queue }) =>
    lanesOf(queue).flatMap(({ projectId: project, host, waiting, claimed, paused }) => [
      [{ project, host, state: 'waiting' }, waiting],
      [{ project, host, state: 'claimed' }, claimed],
      [{ project, host, state: 'paused' }, paused],
    ]),
  );
  gauge(
    'nft_refresh_queue_oldest_due_seconds',
    'How long the oldest due token has been due, by project and metadata host; 0: none is due.',
    ({ queue }) =>
      lanesOf(queue).map(({ projectId: project, host, oldestDueSeconds }) => [{ project, host }, oldestDueSeconds]),
  );
  gauge(
    'nft_refresh_queue_unserved_seconds',
    'How long no worker has claimed any of the due tokens, by project and metadata host; 0: none is due.',
    ({ queue }) =>
      lanesOf(queue).map(({ projectId: project, host, unservedSeconds }) => [{ project, host }, unservedSeconds]),
  );
  gauge('nft_refresh_queue_lanes', 'Pairs of a project and a metadata host with tokens in the queue.', ({ queue }) => [
    [{}, queue.lanes.length + (queue.others?.lanes ?? 0)],
  ]);
  gauge(
    'nft_refresh_queue_interactive_due_seconds',
    'How long the oldest due token of an interactive request has been due, hosts in cooldown left out; 0: none is due.',
    ({ queue }) => [[{}, queue.interactiveDueSeconds]],
  );
  gauge('nft_refresh_pending_refreshes', 'Refreshes that are not completed.', ({ queue }) => [
    [{}, queue.pendingRefreshes],
  ]);
  gauge('nft_refresh_hosts_in_cooldown', 'Metadata hosts in cooldown.', ({ queue }) => [[{}, queue.hostsInCooldown]]);
  gauge('nft_refresh_host_cooldown_seconds', 'What is left of the longest cooldowns, by metadata host.', ({ queue }) =>
    queue.cooldowns.map(({ host, seconds }) => [{ host }, seconds]),
  );
}

function registerEventMetrics(gauge: RegisterGauge): void {
  gauge(
    'nft_refresh_outbox_unpublished',
    'Committed rows of the outbox that are not published; counted up to 10,000.',
    ({ events }) => [[{}, events.unpublished]],
  );
  gauge(
    'nft_refresh_outbox_unpublished_seconds',
    'The age of the oldest row of the outbox that is not published; 0 without any.',
    ({ events }) => [[{}, events.unpublishedSeconds]],
  );
  gauge('nft_refresh_event_readers', 'Consumers of this process, and webhooks, by kind.', ({ events }) =>
    events.readers.map(({ kind, readers }) => [{ kind }, readers]),
  );
  gauge('nft_refresh_event_readers_failing', 'Those whose last delivery failed, by kind.', ({ events }) =>
    events.readers.map(({ kind, failing }) => [{ kind }, failing]),
  );
  gauge(
    'nft_refresh_event_lag_rows',
    'Published rows of the outbox that the reader furthest behind has not received, by kind.',
    ({ events }) => events.readers.map(({ kind, rowsBehind }) => [{ kind }, rowsBehind]),
  );
  gauge('nft_refresh_event_lag_seconds', 'The age of the oldest of these rows, by kind; 0 without any.', ({ events }) =>
    events.readers.map(({ kind, secondsBehind }) => [{ kind }, secondsBehind]),
  );
}

function registerChainStatusMetrics(gauge: RegisterGauge): void {
  gauge('nft_refresh_chain_lag_blocks', 'Blocks of a chain that are not read yet.', ({ chains }) =>
    chains.filter(isWatched).flatMap(({ chainId, headBlock, readBlock }) => {
      return headBlock === null || readBlock === null ? [] : [[{ chain: chainId }, Math.max(0, headBlock - readBlock)]];
    }),
  );
  gauge('nft_refresh_chain_unread_seconds', 'The time since a block of a chain was read.', ({ chains }) =>
    chains.filter(isWatched).flatMap(({ chainId, unreadSeconds }) => {
      return unreadSeconds === null ? [] : [[{ chain: chainId }, unreadSeconds]];
    }),
  );
  gauge('nft_refresh_chain_failing_seconds', 'For how long no node of a chain can be read; 0: it can.', ({ chains }) =>
    chains.filter(isWatched).map(({ chainId, failingSeconds }) => [{ chain: chainId }, failingSeconds]),
  );
  gauge(
    'nft_refresh_chain_waiting_tokens',
    'Tokens that events have named and that wait for their refresh, by chain; counted up to 10,000.',
    ({ chains }) => chains.filter(isWatched).map(({ chainId, waitingTokens }) => [{ chain: chainId }, waitingTokens]),
  );
}

/** Whether a process should read the chain. */
function isWatched({ state }: ChainStatus): boolean {
  return state !== 'off' && state !== 'idle';
}

function lanesOf({ lanes, others }: QueueStatus): LaneStatus[] {
  return others ? [...lanes, { ...(others satisfies WaitingTokens), projectId: OTHER, host: OTHER }] : lanes;
}
