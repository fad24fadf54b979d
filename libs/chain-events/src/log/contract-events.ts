import { id } from 'ethers';
import {
  ALL_TOKENS,
  type ChainEvent,
  type ChainEventEffect,
  type ChainEventKind,
  type IdRange,
} from './chain-event.js';
import { arrayAt, type LogWords } from './log-words.js';

/** One event that contracts emit. */
export interface ContractEvent {
  signature: string;
  /** The hash of the signature: the first topic of its logs. */
  topic: string;
  /** `transfer`: emitted at every sale, so nodes are asked only for those from and to the zero address. */
  family: 'metadata' | 'transfer';
  /** What a log asks for; null: nothing. `undecodable`: its arguments are not those of the signature. */
  read: (words: LogWords) => ChainEvent | null | 'undecodable';
}

/** The tokens that a log names; undefined if its arguments are not those of the signature. */
type ReadTokens = (words: LogWords) => readonly IdRange[] | undefined;

/** What is understood. Another event is one more row: its signature, its kind, what it asks for, and how its tokens are read. */
export const CONTRACT_EVENTS: readonly ContractEvent[] = [
  // ERC-4906
  refreshes('MetadataUpdate(uint256)', 'metadata_update', ({ all }) => (all.length === 1 ? [one(all[0]!)] : undefined)),
  refreshes('BatchMetadataUpdate(uint256,uint256)', 'batch_metadata_update', ({ all }) =>
    all.length === 2 ? range(all[0]!, all[1]!) : undefined,
  ),
  // ERC-1155
  refreshes('URI(string,uint256)', 'uri', uriTokens),
  // ERC-7572, and its older form
  contract('ContractURIUpdated()', 'contract_uri_updated'),
  contract('ContractURIUpdated(string,string)', 'contract_uri_updated'),
  // ERC-173
  row('OwnershipTransferred(address,address)', 'metadata', ({ all }) =>
    all.length === 2 ? event('ownership_transferred', 'owner', []) : 'undecodable',
  ),
  // ERC-7496: dynamic traits. The first word is the key of the trait.
  refreshes('TraitUpdated(bytes32,uint256,bytes32)', 'traits_updated', ({ all }) =>
    all.length === 3 ? [one(all[1]!)] : undefined,
  ),
  refreshes('TraitUpdatedRange(bytes32,uint256,uint256)', 'traits_updated', ({ all }) =>
    all.length === 3 ? range(all[1]!, all[2]!) : undefined,
  ),
  refreshes('TraitUpdatedRangeUniformValue(bytes32,uint256,uint256,bytes32)', 'traits_updated', ({ all }) =>
    all.length === 4 ? range(all[1]!, all[2]!) : undefined,
  ),
  refreshes('TraitUpdatedList(bytes32,uint256[])', 'traits_updated', listedTokens),
  refreshes('TraitUpdatedListUniformValue(bytes32,uint256[],bytes32)', 'traits_updated', listedTokens),
  refreshes('TraitMetadataURIUpdated()', 'traits_updated', allTokens),
  // ERC-7160: several metadata documents of one token
  refreshes('TokenUriPinned(uint256,uint256)', 'token_uri_pinned', ({ all }) =>
    all.length === 2 ? [one(all[0]!)] : undefined,
  ),
  refreshes('TokenUriUnpinned(uint256)', 'token_uri_pinned', ({ all }) =>
    all.length === 1 ? [one(all[0]!)] : undefined,
  ),
  // ERC-1967: a proxy has new code
  refreshes('Upgraded(address)', 'upgraded', allTokens),
  refreshes('BeaconUpgraded(address)', 'upgraded', allTokens),
  // ERC-721, and ERC-2309 for batches
  transfers('Transfer(address,address,uint256)', ({ topics }) => {
    // ERC-20 has the same event with one indexed argument less.
    if (topics.length !== 3) return null;
    const [from, to, tokenId] = topics as [bigint, bigint, bigint];
    return { from, to, tokens: [one(tokenId)], isUnique: true };
  }),
  transfers('ConsecutiveTransfer(uint256,uint256,address,address)', ({ topics, data }) => {
    if (topics.length !== 3 || data.length !== 1) return 'undecodable';
    const [first, from, to] = topics as [bigint, bigint, bigint];
    const tokens = range(first, data[0]!);
    return tokens ? { from, to, tokens, isUnique: true } : 'undecodable';
  }),
  // ERC-1155. A transfer to the zero address burns some of many copies.
  transfers('TransferSingle(address,address,address,uint256,uint256)', ({ topics, data }) => {
    if (topics.length !== 3 || data.length !== 2) return 'undecodable';
    return { from: topics[1]!, to: topics[2]!, tokens: [one(data[0]!)], isUnique: false };
  }),
  transfers('TransferBatch(address,address,address,uint256[],uint256[])', ({ topics, data }) => {
    const ids = arrayAt(data, 0);
    if (topics.length !== 3 || !ids) return 'undecodable';
    return { from: topics[1]!, to: topics[2]!, tokens: ids.map(one), isUnique: false };
  }),
];

interface Transfer {
  from: bigint;
  to: bigint;
  tokens: readonly IdRange[];
  /** Each token exists once, so after a transfer to the zero address there is none. */
  isUnique: boolean;
}

function refreshes(signature: string, kind: ChainEventKind, readTokens: ReadTokens): ContractEvent {
  return row(signature, 'metadata', (words) => {
    const tokens = readTokens(words);
    return tokens ? event(kind, 'refresh', tokens) : 'undecodable';
  });
}

function contract(signature: string, kind: ChainEventKind): ContractEvent {
  return row(signature, 'metadata', () => event(kind, 'contract', []));
}

function transfers(
  signature: string,
  readTransfer: (words: LogWords) => Transfer | null | 'undecodable',
): ContractEvent {
  return row(signature, 'transfer', (words) => {
    const transfer = readTransfer(words);
    if (transfer === null || transfer === 'undecodable') return transfer;
    const { from, to, tokens, isUnique } = transfer;
    if (tokens.length === 0 || (from === 0n) === (to === 0n)) return null;
    if (from === 0n) return event('mint', 'mint', tokens);
    return isUnique ? event('burn', 'burn', tokens) : null;
  });
}

function row(signature: string, family: ContractEvent['family'], read: ContractEvent['read']): ContractEvent {
  return { signature, topic: id(signature), family, read };
}

function event(kind: ChainEventKind, effect: ChainEventEffect, tokens: readonly IdRange[]): ChainEvent {
  return { kind, effect, tokens };
}

function one(tokenId: bigint): IdRange {
  return { from: tokenId, to: tokenId };
}

function range(from: bigint, to: bigint): IdRange[] | undefined {
  return from <= to ? [{ from, to }] : undefined;
}

function allTokens(): IdRange[] {
  return [ALL_TOKENS];
}

/** `(bytes32 key, uint256[] tokenIds, …)`, with the key indexed or not. */
function listedTokens({ topics, data }: LogWords): IdRange[] | undefined {
  const ids = arrayAt(data, topics.length === 0 ? 1 : 0);
  return ids?.map(one);
}

/** The id is indexed by the standard. Contracts exist that index the text as well, of which a topic holds the hash, or neither. */
function uriTokens({ topics, data }: LogWords): IdRange[] | undefined {
  if (topics.length > 0) return topics.length <= 2 ? [one(topics.at(-1)!)] : undefined;
  // The offset of the text, then the id.
  return data.length >= 3 && data[0] === 64n ? [one(data[1]!)] : undefined;
}
