import { Interface } from 'ethers';
import { decodeText, isTrue, isZero, toContractResult, type ContractResult } from './contract-result.js';
import type { JsonRpc, RpcResult, RpcCall, ResponseSize } from './json-rpc.js';
import type { TokenUriBudget } from './token-uri-budget.js';
import type { TokenStandard } from '../uri/token-id-template.js';
import { appendTokenId, toTokenUri, type TokenUri, type UriRule } from '../uri/uri-rule.js';

/** Asks a contract for the token URI of one token. */
export interface TokenUriRequest {
  /** Decimal uint256. */
  tokenId: string;
  uriRule: UriRule;
}

/** Why a contract's token has no token URI. */
export type NoTokenUri =
  | {
      kind: 'unreachable';
      reason: 'no_contract' | 'contract_reverted' | 'rpc_error' | 'too_large' | 'busy';
      /** Of `rpc_error`: all of the node is in trouble, and asks to be left alone for so long; 0 if it does not say. */
      retryAfterSeconds?: number;
    }
  | { kind: 'undecodable'; reason: 'invalid_token_uri' }
  /** The contract says that there is no such token. */
  | { kind: 'no_token'; reason: 'contract_reverted' };

export type TokenUriResult = TokenUri | NoTokenUri;

/** What a contract says that it is; where it says nothing, or both, both are tried in this order. */
type Standards = readonly [TokenStandard] | readonly [TokenStandard, TokenStandard];

/** A question with the answer that it has by now: its last one, or what the contract refused so far. */
interface Reading {
  question: TokenUriRequest;
  answer: TokenUriResult | Refused;
}
type Refused = Extract<ContractResult, { kind: 'reverted' }>;

const ABI = new Interface([
  'function tokenURI(uint256) view returns (string)',
  'function uri(uint256) view returns (string)',
  'function baseURI() view returns (string)',
  'function ownerOf(uint256) view returns (address)',
  'function supportsInterface(bytes4) view returns (bool)',
]);
const URI_FUNCTIONS = { erc721: 'tokenURI', erc1155: 'uri' } as const;
const [ERC165, NOTHING, ERC721, ERC1155] = ['0x01ffc9a7', '0xffffffff', '0x80ac58cd', '0xd9b67a26'];

/** There is no room for it at the moment. */
const BUSY = { kind: 'unreachable', reason: 'busy' } as const;

/** The 30,000 of ERC-165 and what any call costs; and for the others what no honest one needs, so that a loop ends. */
const INTERFACE_GAS = 60_000;
const READ_GAS = 15_000_000;
/** A contract behind a proxy may become another one. */
const STANDARDS_TTL_MS = 10 * 60_000;

/**
 * Asks contracts of one chain for token URIs, many tokens at once: what the contract is, its answer for each token, and of
 * those that it refused, whether the token exists. One call that fails is one token's.
 */
export class ContractReader {
  private readonly known = new Map<string, { standards: Standards; usual: ResponseSize; until: number }>();
  private isRightChain = false;

  constructor(
    private readonly rpc: JsonRpc,
    private readonly chainId: number,
    private readonly kept: TokenUriBudget,
    /** Told what a node did instead of answering: a word, without anything of its URL. */
    private readonly onNodeError: (reason: string) => void,
  ) {}

  /** In the order of the questions; long URIs are kept until they are released. Never throws for what a node or a contract does. */
  async read(address: string, questions: readonly TokenUriRequest[], signal: AbortSignal): Promise<TokenUriResult[]> {
    const standards = (await this.checkChain(signal)) ?? (await this.findStandards(address, signal));
    if ('kind' in standards) return questions.map(() => standards);
    const readings = questions.map((question): Reading => ({
      question,
      answer: { kind: 'reverted', saysNoToken: false },
    }));
    for (const standard of standards) {
      const isLast = standard === standards.at(-1);
      await this.askForUris(address, readings.filter(isRefused), { standard, isLast }, signal);
    }
    await this.askForBase(address, readings.filter(isRefused), standards[0], signal);
    if (standards.join() === 'erc721') await this.askForOwners(address, readings.filter(isRefused), signal);
    return readings.map(({ answer }) => (answer.kind === 'reverted' ? refusal(answer.saysNoToken) : answer));
  }

  /** Once: a node of another chain would answer for other contracts at the same addresses. */
  private async checkChain(signal: AbortSignal): Promise<NoTokenUri | null> {
    if (this.isRightChain) return null;
    const [answer] = await allOf(this.rpc.call([{ method: 'eth_chainId', params: [] }], signal));
    if (answer?.kind === 'failed') return this.nodeError(answer);
    this.isRightChain = answer?.kind === 'result' && Number(answer.result) === this.chainId;
    return this.isRightChain ? null : this.nodeError({ reason: 'wrong_chain', retryAfterSeconds: 0 });
  }

  private async findStandards(address: string, signal: AbortSignal): Promise<Standards | NoTokenUri> {
    const known = this.known.get(address);
    if (known && known.until > performance.now()) return known.standards;
    const calls: RpcCall[] = [
      { method: 'eth_getCode', params: [address, 'latest'] },
      ...[ERC165, NOTHING, ERC721, ERC1155].map((id) => callOf(address, 'supportsInterface', [id], INTERFACE_GAS)),
    ];
    const [code, ...supports] = (await allOf(this.rpc.call(calls, signal))).map(toContractResult);
    const trouble = [code!, ...supports].find((answer) => answer.kind === 'node_error');
    if (trouble) return this.nodeError(trouble);
    if (code?.kind === 'returned' && isZero(code.data)) return { kind: 'unreachable', reason: 'no_contract' };
    const [says165, saysNothing, says721, says1155] = supports.map(
      (answer) => answer.kind === 'returned' && isTrue(answer.data),
    );
    // Who says yes to everything has said nothing.
    const isClear = says165 && !saysNothing && says721 !== says1155;
    const standards: Standards = isClear ? [says721 ? 'erc721' : 'erc1155'] : ['erc721', 'erc1155'];
    this.known.set(address, { standards, usual: { bytes: 0 }, until: performance.now() + STANDARDS_TTL_MS });
    return standards;
  }

  private async askForUris(
    address: string,
    readings: readonly Reading[],
    { standard, isLast }: { standard: TokenStandard; isLast: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    const calls = readings.map(({ question }) => callOf(address, URI_FUNCTIONS[standard], [question.tokenId]));
    const answers = this.rpc.call(calls, signal, this.known.get(address)?.usual);
    await this.takeEach(readings, answers, (answer, before, question) => {
      if (answer.kind === 'reverted') return strongerOf(before, answer);
      // The function is not there, and a fallback has swallowed the call: the other one may be.
      if (answer.data === '0x' && !isLast) return before;
      return this.keep(address, toTokenUriResult(answer.data, question, standard));
    });
  }

  /** By the rule `base_uri`, where the contract refused. */
  private async askForBase(
    address: string,
    refused: readonly Reading[],
    standard: TokenStandard,
    signal: AbortSignal,
  ): Promise<void> {
    const readings = refused.filter(({ question }) => question.uriRule === 'base_uri');
    if (readings.length === 0) return;
    const [answer] = (await allOf(this.rpc.call([callOf(address, 'baseURI', [])], signal))).map(toContractResult);
    for (const reading of readings) {
      if (answer?.kind === 'node_error') reading.answer = this.nodeError(answer);
      if (answer?.kind !== 'returned') continue;
      const uri = appendTokenId(decodeText(answer.data) ?? '', reading.question.tokenId);
      if (uri !== '') reading.answer = this.keep(address, { kind: 'token_uri', uri, standard });
    }
  }

  /** A token of ERC-721 that has no owner does not exist. */
  private async askForOwners(address: string, refused: readonly Reading[], signal: AbortSignal): Promise<void> {
    const readings = refused.filter(({ answer }) => answer.kind === 'reverted' && !answer.saysNoToken);
    const calls = readings.map(({ question }) => callOf(address, 'ownerOf', [question.tokenId]));
    await this.takeEach(readings, this.rpc.call(calls, signal), (answer) =>
      refusal(answer.kind === 'reverted' || (answer.data !== '0x' && isZero(answer.data))),
    );
  }

  /** As they come, so that their texts are gone at once. Where there is no room for one, the rest are not asked for. */
  private async takeEach(
    readings: readonly Reading[],
    answers: AsyncIterable<RpcResult>,
    take: (
      answer: Exclude<ContractResult, { kind: 'node_error' }>,
      before: Reading['answer'],
      question: TokenUriRequest,
    ) => Reading['answer'],
  ): Promise<void> {
    const left = [...readings];
    for await (const given of answers) {
      const answer = toContractResult(given);
      const reading = left.shift()!;
      reading.answer =
        answer.kind === 'node_error' ? this.nodeError(answer) : take(answer, reading.answer, reading.question);
      if ('reason' in reading.answer && reading.answer.reason === 'busy') break;
    }
    for (const reading of left) reading.answer = BUSY;
  }

  private keep(address: string, answer: TokenUriResult): TokenUriResult {
    return answer.kind !== 'token_uri' || this.kept.keep(address, answer) ? answer : BUSY;
  }

  private nodeError({ reason, retryAfterSeconds }: { reason: string; retryAfterSeconds?: number }): NoTokenUri {
    // That much text is the contract's doing, and that there was no room for it is ours.
    if (reason === 'too_large' || reason === 'busy') return { kind: 'unreachable', reason };
    this.onNodeError(reason);
    const trouble = { kind: 'unreachable', reason: 'rpc_error' } as const;
    return retryAfterSeconds === undefined ? trouble : { ...trouble, retryAfterSeconds };
  }
}

async function allOf<T>(answers: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const answer of answers) all.push(answer);
  return all;
}

function callOf(to: string, name: string, args: unknown[], gas = READ_GAS): RpcCall {
  const data = ABI.encodeFunctionData(name, args);
  return { method: 'eth_call', params: [{ to, data, gas: `0x${gas.toString(16)}` }, 'latest'] };
}

function toTokenUriResult(data: string, question: TokenUriRequest, standard: TokenStandard): TokenUriResult {
  const text = decodeText(data);
  return text === null
    ? { kind: 'undecodable', reason: 'invalid_token_uri' }
    : toTokenUri(text, { ...question, standard });
}

function isRefused({ answer }: Reading): boolean {
  return answer.kind === 'reverted';
}

/** Of two functions that refused, the one that knows of tokens has the word. */
function strongerOf(before: Reading['answer'], refused: Refused): Refused {
  return before.kind === 'reverted' && before.saysNoToken ? before : refused;
}

function refusal(isUnknownToken: boolean): NoTokenUri {
  return isUnknownToken
    ? { kind: 'no_token', reason: 'contract_reverted' }
    : { kind: 'unreachable', reason: 'contract_reverted' };
}
