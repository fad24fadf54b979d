import { Deadline } from '@app/safe-http';
import type { ContractReader, TokenUriRequest, TokenUriResult } from './contract-reader.js';

/** The most tokens of one contract in a batch. */
const MAX_TOKENS_PER_BATCH = 100;
/** Contracts of one chain. Each has one batch in flight, so that none can hold up the others. */
const MAX_CONCURRENT_CONTRACTS = 8;
/**
 * The share of its deadline that a request may wait for other contracts. After that it is `busy`: the node would get too
 * little time to be blamed for a failure.
 */
const MAX_WAIT_FRACTION = 3 / 4;
/** How long a request waits for others to share its batch, in milliseconds. */
const LINGER_MS = 10;

interface PendingRequest {
  request: TokenUriRequest;
  queuedAt: number;
  /** How long it waited for batches of its own contract, in milliseconds. Not a delay by other contracts. */
  ownContractMs: number;
  resolve: (result: TokenUriResult) => void;
  reject: (error: unknown) => void;
}

/** Collects requests for token URIs of one chain into batches by contract. Contracts take turns. */
export class TokenUriBatcher {
  /** By contract address; the first one is next. */
  private readonly pending = new Map<string, PendingRequest[]>();
  /** Addresses with a batch in flight. */
  private readonly inFlight = new Set<string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly reader: ContractReader,
    private readonly deadlineMs: number,
  ) {}

  /** Never rejects because of what a node or a contract does. */
  read(address: string, request: TokenUriRequest): Promise<TokenUriResult> {
    return new Promise((resolve, reject) => {
      const entry = { request, queuedAt: performance.now(), ownContractMs: 0, resolve, reject };
      const others = this.pending.get(address);
      if (others) others.push(entry);
      else this.pending.set(address, [entry]);
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.startBatches();
      }, LINGER_MS);
    });
  }

  private startBatches(): void {
    for (const [address, pending] of this.pending) {
      if (this.inFlight.size >= MAX_CONCURRENT_CONTRACTS) return;
      if (this.inFlight.has(address)) continue;
      // Round robin: the contract moves to the end of the queue.
      this.pending.delete(address);
      if (pending.length > MAX_TOKENS_PER_BATCH) this.pending.set(address, pending.slice(MAX_TOKENS_PER_BATCH));
      this.inFlight.add(address);
      const startedAt = performance.now();
      void this.readBatch(address, pending.slice(0, MAX_TOKENS_PER_BATCH)).finally(() => {
        this.inFlight.delete(address);
        for (const queued of this.pending.get(address) ?? []) {
          queued.ownContractMs += performance.now() - Math.max(startedAt, queued.queuedAt);
        }
        this.startBatches();
      });
    }
  }

  /** The deadline counts from when the first request was queued, since the worker holds its claim meanwhile. */
  private async readBatch(address: string, entries: readonly PendingRequest[]): Promise<void> {
    const now = performance.now();
    const isLate = ({ queuedAt, ownContractMs }: PendingRequest) =>
      now - queuedAt - ownContractMs > this.deadlineMs * MAX_WAIT_FRACTION;
    for (const { resolve } of entries.filter(isLate)) resolve({ kind: 'unreachable', reason: 'busy' });
    const batch = entries.filter((entry) => !isLate(entry));
    if (batch.length === 0) return;
    const deadline = new Deadline(this.deadlineMs - (performance.now() - batch[0]!.queuedAt));
    const requests = batch.map(({ request }) => request);
    try {
      const results = await this.reader.read(address, requests, deadline);
      for (const [index, { resolve }] of batch.entries()) resolve(results[index]!);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      deadline.clear();
    }
  }
}
