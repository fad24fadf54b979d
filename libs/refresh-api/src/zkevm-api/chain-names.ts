import { Inject, Injectable } from '@nestjs/common';
import { REFRESH_API_CONFIG } from '../dialect.js';
import type { ZkevmApiConfig } from './zkevm-api.options.js';

/** The public chains of Immutable zkEVM. */
const BUILT_IN = { 'imtbl-zkevm-mainnet': 13371, 'imtbl-zkevm-testnet': 13473 };

/** A chain as responses name it. */
export interface NamedChain {
  /** `eip155:` and the chain id. */
  id: string;
  name: string;
}

/** The path names no chain of this deployment. */
export class UnknownChain extends Error {
  override readonly name = 'UnknownChain';
  constructor(chainName: string, known: readonly string[]) {
    super(`There is no chain ${JSON.stringify(chainName)}. Known: ${known.join(', ')}, and eip155:<chain id> for any.`);
  }
}

/** The names of chains in the paths of this dialect. `eip155:<chain id>` always works, too. */
@Injectable()
export class ChainNames {
  private readonly ids: ReadonlyMap<string, number>;

  constructor(@Inject(REFRESH_API_CONFIG) { chainNames }: ZkevmApiConfig) {
    this.ids = new Map(Object.entries({ ...chainNames, ...BUILT_IN, ...chainNames }));
  }

  /** Throws UnknownChain. */
  idOf(name: string): number {
    const [, digits] = /^eip155:([1-9][0-9]{0,14})$/.exec(name) ?? [];
    const id = digits === undefined ? this.ids.get(name) : Number(digits);
    if (id === undefined) throw new UnknownChain(name, [...this.ids.keys()]);
    return id;
  }

  of(chainId: number): NamedChain {
    const id = `eip155:${chainId}`;
    const [name = id] = [...this.ids].find(([, known]) => known === chainId) ?? [];
    return { id, name };
  }

  list(): NamedChain[] {
    return [...this.ids].map(([name, chainId]) => ({ id: `eip155:${chainId}`, name }));
  }
}
