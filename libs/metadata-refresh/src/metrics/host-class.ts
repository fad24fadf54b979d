/** What a metadata host is: an HTTP server by its name, a network that gateways serve, or a contract that names the documents. */
export type HostClass = 'http' | 'ipfs' | 'arweave' | 'contract';

/** The class of a metadata host, as `hostOf` names it: there are few classes, and any number of hosts. */
export function hostClassOf(host: string): HostClass {
  if (host === 'ipfs:' || host === 'ipns:') return 'ipfs';
  if (host === 'ar:') return 'arweave';
  return host.startsWith('chain:') ? 'contract' : 'http';
}
