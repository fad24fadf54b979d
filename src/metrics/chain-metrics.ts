import type { ChainReadings } from '@app/chain-events';
import type { ReadMetrics } from './read-metrics.js';

/** Metrics of the chains that this process reads. Without events, none has a value. */
export function registerChainMetrics(metrics: ReadMetrics, readings: ChainReadings): void {
  metrics.counter('nft_refresh_chain_events_total', 'Events of watched contracts, by chain and kind.', () =>
    readings.readEvents().map(({ chainId, kind, count }) => [{ chain: chainId, kind }, count]),
  );
  metrics.counter('nft_refresh_chain_poll_failures_total', 'Polls of a chain that failed, by chain and reason.', () =>
    readings.readFailures().map(({ chainId, reason, count }) => [{ chain: chainId, reason }, count]),
  );
  metrics.gauge('nft_refresh_chain_head_block', 'The newest block of a chain that this process reads.', () =>
    readings.readProgress().map(({ chainId, headBlock }) => [{ chain: chainId }, headBlock]),
  );
  metrics.gauge('nft_refresh_chain_read_block', 'The newest block whose events were read.', () =>
    readings.readProgress().map(({ chainId, readBlock }) => [{ chain: chainId }, readBlock]),
  );
  metrics.gauge('nft_refresh_chain_blocks_per_call', 'Blocks that one call reads, as the provider allows.', () =>
    readings.readProgress().map(({ chainId, blocksPerCall }) => [{ chain: chainId }, blocksPerCall]),
  );
}
