import { Link } from 'wouter-preact';
import { Copy, ForeignName } from './foreign.js';

interface CollectionName {
  id: string;
  chainId: number;
  address: string;
  name: string | null;
}

const CHAINS: Readonly<Record<number, string>> = {
  1: 'Ethereum',
  10: 'OP Mainnet',
  137: 'Polygon',
  8453: 'Base',
  13371: 'Immutable zkEVM',
  13473: 'Immutable zkEVM Testnet',
  42161: 'Arbitrum One',
  11155111: 'Sepolia',
};

export function isKnownChain(chainId: number): boolean {
  return chainId in CHAINS;
}

export function chainName(chainId: number): string {
  if (chainId === 0) return 'a chain that is not known any more';
  return CHAINS[chainId] ?? `chain ${chainId}`;
}

export function shortAddress(address: string): string {
  return `${address.slice(0, 6)}…${address.slice(-4)}`;
}

/** A text with the ends of each address in it. */
export function withShortAddresses(text: string): string {
  return text.replaceAll(/0x[0-9a-f]{40}/gi, shortAddress);
}

/** The characters of a name in the heading of its page. */
export const HEADING_CHARACTERS = 120;

/** Its ends: ids of what was made within a minute begin alike. */
export function shortUuid(id: string): string {
  return `${id.slice(0, 8)}…${id.slice(-4)}`;
}

/** Its name, or the ends of its address. */
export function nameOf({ name, address }: Pick<CollectionName, 'name' | 'address'>): string {
  return name ?? shortAddress(address);
}

/** `max`: of the characters of its name; a heading has room for more than a row. */
export function CollectionLabel({ collection, max }: { collection: CollectionName; max?: number }) {
  return collection.name === null ? (
    <span class="mono nowrap">{shortAddress(collection.address)}</span>
  ) : (
    <ForeignName text={collection.name} {...(max !== undefined && { max })} />
  );
}

export function tokenPath({ chainId, address }: Pick<CollectionName, 'chainId' | 'address'>, tokenId: string): string {
  return `/tokens/${chainId}/${address}/${tokenId}`;
}

/** Links of the service are paths below that of the console, without a slash at their beginning. */
export function pathOfLink(link: string): string {
  return `/${link}`;
}

export function hostPath(host: string): string {
  return `/hosts/${encodeURIComponent(host)}`;
}

const GATEWAYS: Readonly<Record<string, string>> = { 'ipfs:': 'IPFS gateways', 'ar:': 'Arweave gateways' };

/** A contract: `chain:1/0x…` is a host to the queue, and not what a person calls so. */
function contractOf(host: string): { address: string; chain: string } | null {
  const [, chainId, address] = /^chain:(\d+)\/(0x[0-9a-f]+)$/.exec(host) ?? [];
  return chainId && address ? { address: shortAddress(address), chain: chainName(Number(chainId)) } : null;
}

export function HostName({ host }: { host: string }) {
  const contract = contractOf(host);
  if (contract) {
    return (
      <>
        Contract <span class="mono">{contract.address}</span> on {contract.chain}
      </>
    );
  }
  const gateways = GATEWAYS[host];
  return gateways === undefined ? <ForeignName text={host} /> : <>{gateways}</>;
}

export function hostText(host: string): string {
  const contract = contractOf(host);
  return contract ? `Contract ${contract.address} on ${contract.chain}` : (GATEWAYS[host] ?? host);
}

export function AddressLink({ collection }: { collection: CollectionName }) {
  return (
    <>
      <Link class="mono" href={`/refreshes?collection=${collection.id}`}>
        {shortAddress(collection.address)}
      </Link>
      <Copy text={collection.address} what="address" /> on {chainName(collection.chainId)}
    </>
  );
}
