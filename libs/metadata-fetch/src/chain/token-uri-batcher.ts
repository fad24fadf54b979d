import { Inject, Injectable, Logger } from '@nestjs/common';
import { credentialHeaders, Deadline, GuardedHttp, LargeBodies } from '@app/safe-http';
import { ContractReader, type TokenUriAnswer, type TokenUriQuestion } from './contract-reader.js';
import { JsonRpc, type RpcEndpoint } from './json-rpc.js';
import { KeptTokenUris } from './token-uri-budget.js';
import { METADATA_FETCH_CONFIG, type MetadataFetchConfig } from '../metadata-fetch.options.js';

/** Tokens of one contract that are asked for together. */
const BATCH = 100;
/** Contracts of one chain that are being asked: each with one batch at a time, so that none can hold up the others. */
const CONTRACTS_AT_ONCE = 8;
/** Of its time, what a question may wait while other contracts are asked. A node that got less than the rest is not to blame. */
const LONGEST_WAIT_PART = 3 / 4;
/** A question waits so long for others, in milliseconds. */
const STALL_MS = 10;
/** A node that is away for hours is logged once in this time. */
const LOG_EVERY_MS = 60_000;

/** The token URIs of contracts, by the RPC URL of their chain. */
@Injectable()
export class ChainTokenUris {
  private readonly logger = new Logger('MetadataFetch');
  private readonly chains: ReadonlyMap<number, Questions>;

  constructor(
    http: GuardedHttp,
    largeBodies: LargeBodies,
    kept: KeptTokenUris,
    @Inject(METADATA_FETCH_CONFIG) { rpcUrls, rpcDeadlineMs }: MetadataFetchConfig,
  ) {
    this.chains = new Map(
      Object.entries(rpcUrls).map(([chainId, url]) => {
        const rpc = new JsonRpc(http, toEndpoint(url), largeBodies);
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
  ask({ chainId, address }: { chainId: number; address: string }, question: TokenUriQuestion): Promise<TokenUriAnswer> {
    const chain = this.chains.get(chainId);
    return chain ? chain.ask(address, question) : Promise.resolve({ kind: 'unreachable', reason: 'rpc_error' });
  }

  private troubleLog(chainId: number): (reason: string) => void {
    let loggedAt = -Infinity;
    return (reason) => {
      if (performance.now() - loggedAt < LOG_EVERY_MS) return;
      loggedAt = performance.now();
      this.logger.warn({ msg: 'the node of a chain does not answer', chainId, reason });
    };
  }
}

interface Waiting {
  question: TokenUriQuestion;
  askedAt: number;
  /** How long it waited for others of its own contract, in milliseconds: that was no other contract's doing. */
  behindItsOwnMs: number;
  answer: (answer: TokenUriAnswer) => void;
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

  ask(address: string, question: TokenUriQuestion): Promise<TokenUriAnswer> {
    return new Promise((answer, fail) => {
      const waiting = { question, askedAt: performance.now(), behindItsOwnMs: 0, answer, fail };
      const others = this.waiting.get(address);
      if (others) others.push(waiting);
      else this.waiting.set(address, [waiting]);
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.begin();
      }, STALL_MS);
    });
  }

  private begin(): void {
    for (const [address, waiting] of this.waiting) {
      if (this.asking.size >= CONTRACTS_AT_ONCE) return;
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
      now - askedAt - behindItsOwnMs > this.deadlineMs * LONGEST_WAIT_PART;
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
