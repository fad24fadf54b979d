import type { ChainReadings } from '@app/chain-events';
import { Counter, Gauge, type Registry } from 'prom-client';

/** Metrics of the chains that this process reads. Without events, none has a value. */
export function registerChainMetrics(registry: Registry, readings: ChainReadings): void {
  const registers = [registry];
  new Counter({
    name: 'nft_refresh_chain_events_total',
    help: 'Events of watched contracts, by chain and kind.',
    labelNames: ['chain', 'kind'],
    registers,
    collect() {
      this.reset();
      for (const { chainId, kind, count } of readings.readEvents()) this.inc({ chain: chainId, kind }, count);
    },
  });
  new Counter({
    name: 'nft_refresh_chain_poll_failures_total',
    help: 'Polls of a chain that failed, by chain and reason.',
    labelNames: ['chain', 'reason'],
    registers,
    collect() {
      this.reset();
      for (const { chainId, reason, count } of readings.readFailures()) this.inc({ chain: chainId, reason }, count);
    },
  });
  new Gauge({
    name: 'nft_refresh_chain_head_block',
    help: 'The newest block of a chain that this process reads.',
    labelNames: ['chain'],
    registers,
    collect() {
      this.reset();
      for (const { chainId, headBlock } of readings.readProgress()) this.set({ chain: chainId }, headBlock);
    },
  });
  new Gauge({
    name: 'nft_refresh_chain_read_block',
    help: 'The newest block whose events were read.',
    labelNames: ['chain'],
    registers,
    collect() {
      this.reset();
      for (const { chainId, readBlock } of readings.readProgress()) this.set({ chain: chainId }, readBlock);
    },
  });
  new Gauge({
    name: 'nft_refresh_chain_blocks_per_call',
    help: 'How many blocks are read with one call, as far as the provider allows it.',
    labelNames: ['chain'],
    registers,
    collect() {
      this.reset();
      for (const { chainId, blocksPerCall } of readings.readProgress()) this.set({ chain: chainId }, blocksPerCall);
    },
  });
}
