import { Inject, Injectable, Logger } from '@nestjs/common';
import { ContractReader, type TokenUriResult, type TokenUriRequest } from './contract-reader.js';
import { Deadline } from '@app/safe-http';
import { credentialHeaders } from '@app/safe-http';
import { SsrfSafeHttp } from '@app/safe-http';
import { JsonRpc, type RpcEndpoint } from './json-rpc.js';
import { TokenUriBudget } from './token-uri-budget.js';
import { BodyBufferPool } from '@app/safe-http';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from '../metadata-fetch.options.js';

/** Tokens of one contract that are asked for together. */
const BATCH = 100;
/** Contracts of one chain that are being asked: each with one batch at a time, so that none can hold up the others. */
const MAX_CONCURRENT_CONTRACTS = 8;
/** Of its time, what a question may wait while other contracts are asked. A node that got less than the rest is not to blame. */
const MAX_WAIT_FRACTION = 3 / 4;
/** A question waits so long for others, in milliseconds. */
const BATCH_WINDOW_MS = 10;
/** A node that is away for hours is logged once in this time. */
const LOG_INTERVAL_MS = 60_000;

/** The token URIs of contracts, by the RPC URL of their chain. */
@Injectable()
export class ChainTokenUris {
  private readonly logger = new Logger('MetadataFetch');
  private readonly chains: ReadonlyMap<number, Questions>;

  constructor(
    http: SsrfSafeHttp,
    bodyBuffers: BodyBufferPool,
    kept: TokenUriBudget,
    @Inject(METADATA_FETCH_CONFIG) { rpcUrls, rpcDeadlineMs }: MetadataFetchConfig,
  ) {
    this.chains = new Map(
      Object.entries(rpcUrls).map(([chainId, url]) => {
        const rpc = new JsonRpc(http, toEndpoint(url), bodyBuffers);
        const reader = new ContractReader(rpc, Number(chainId), kept, this.troubleLog(Number(chainId)));
        return [Number(chainId), new Questions(reader, rpcDeadlineMs)];
      }),
    );
  }

  /** Whether there is an RPC URL for the chain. */
  knows(chainId: number): boolean {
    return this.chains.has(chainId);
  }

  /** Never rejects for what a node or a contract does. What is asked at about the same time is asked together. */
  ask({ chainId, address }: { chainId: number; address: string }, question: TokenUriRequest): Promise<TokenUriResult> {
    const chain = this.chains.get(chainId);
    return chain ? chain.ask(address, question) : Promise.resolve({ kind: 'unreachable', reason: 'rpc_error' });
  }

  private troubleLog(chainId: number): (reason: string) => void {
    let loggedAt = -Infinity;
    return (reason) => {
      if (performance.now() - loggedAt < LOG_INTERVAL_MS) return;
      loggedAt = performance.now();
      this.logger.warn({ msg: 'the node of a chain does not answer', chainId, reason });
    };
  }
}

interface Waiting {
  question: TokenUriRequest;
  askedAt: number;
  /** How long it waited for others of its own contract, in milliseconds: that was no other contract's doing. */
  behindItsOwnMs: number;
  answer: (answer: TokenUriResult) => void;
  fail: (error: unknown) => void;
}

/** Of one chain, by contract: they wait for company, and for their turn. */
class Questions {
  private readonly waiting = new Map<string, Waiting[]>();
  private readonly asking = new Set<string>();
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly reader: ContractReader,
    private readonly deadlineMs: number,
  ) {}

  ask(address: string, question: TokenUriRequest): Promise<TokenUriResult> {
    return new Promise((answer, fail) => {
      const waiting = { question, askedAt: performance.now(), behindItsOwnMs: 0, answer, fail };
      const others = this.waiting.get(address);
      if (others) others.push(waiting);
      else this.waiting.set(address, [waiting]);
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.begin();
      }, BATCH_WINDOW_MS);
    });
  }

  private begin(): void {
    for (const [address, waiting] of this.waiting) {
      if (this.asking.size >= MAX_CONCURRENT_CONTRACTS) return;
      if (this.asking.has(address)) continue;
      // To the end of the line.
      this.waiting.delete(address);
      if (waiting.length > BATCH) this.waiting.set(address, waiting.slice(BATCH));
      this.asking.add(address);
      const startedAt = performance.now();
      void this.answer(address, waiting.slice(0, BATCH)).finally(() => {
        this.asking.delete(address);
        for (const behind of this.waiting.get(address) ?? []) {
          behind.behindItsOwnMs += performance.now() - Math.max(startedAt, behind.askedAt);
        }
        this.begin();
      });
    }
  }

  /** The deadline counts from when the first of them was asked: whoever waits holds a claim meanwhile. */
  private async answer(address: string, taken: readonly Waiting[]): Promise<void> {
    const now = performance.now();
    const isLate = ({ askedAt, behindItsOwnMs }: Waiting) =>
      now - askedAt - behindItsOwnMs > this.deadlineMs * MAX_WAIT_FRACTION;
    for (const { answer } of taken.filter(isLate)) answer({ kind: 'unreachable', reason: 'busy' });
    const batch = taken.filter((waiting) => !isLate(waiting));
    if (batch.length === 0) return;
    const deadline = new Deadline(this.deadlineMs - (performance.now() - batch[0]!.askedAt));
    const questions = batch.map(({ question }) => question);
    try {
      const answers = await this.reader.read(address, questions, deadline.signal);
      for (const [index, { answer }] of batch.entries()) answer(answers[index]!);
    } catch (error) {
      for (const { fail } of batch) fail(error);
    } finally {
      deadline.clear();
    }
  }
}

function toEndpoint(entry: string): RpcEndpoint {
  const url = new URL(entry);
  const headers = credentialHeaders(url);
  [url.username, url.password, url.hash] = ['', '', ''];
  return { url: url.href, headers };
}
