import { spawn, type ChildProcess } from 'node:child_process';
import {
  ContractFactory,
  JsonRpcProvider,
  toQuantity,
  type BaseContract,
  type ContractTransactionReceipt,
  type InterfaceAbi,
} from 'ethers';
import contracts from './contracts/collections.json' with { type: 'json' };
import { peerNeededBy } from './optional-peer.js';
import { reapOnExit } from './process-reaper.js';

/**
 * `Cards`: ERC-721, `mint(tokenId, uri)` · `AnnouncedCards`: the same with `setUri(tokenId, uri)` and `burn(tokenId)`, and with the
 * events of ERC-721 and ERC-4906 · `ListedCards`: ERC-721 Enumerable, `mint(from, count)`, `burnAt(index)` · `Potions`: ERC-1155, `setUri(template)` for all tokens · `ScriptedContract`: returns or reverts
 * as `script(call, end, data)` says.
 */
export type ContractName = 'AnnouncedCards' | 'Cards' | 'ListedCards' | 'Potions' | 'ScriptedContract';

const artifacts: Record<ContractName, { abi: InterfaceAbi; bytecode: string }> = contracts;

/** A local Ethereum node: anvil on a free port, with a funded account. Needs the package `@foundry-rs/anvil`. */
export class Anvil {
  private constructor(
    private readonly process: ChildProcess,
    readonly url: string,
    readonly chainId: number,
    private readonly provider: JsonRpcProvider,
  ) {}

  /** On a free port by default. Throws an Error if `@foundry-rs/anvil` is not installed. */
  static async start(chainId = 31_337, port = 0): Promise<Anvil> {
    const command = peerNeededBy('Anvil', '@foundry-rs/anvil', '@foundry-rs/anvil/bin.mjs');
    const child = reapOnExit(spawn(process.execPath, [command, '--port', String(port), '--chain-id', String(chainId)]));
    const host = await new Promise<string>((done, fail) => {
      let out = '';
      child.once('exit', () => fail(new Error(`anvil exited: ${out}`)));
      child.stderr.on('data', (chunk) => (out += String(chunk)));
      child.stdout.on('data', (chunk) => {
        out += String(chunk);
        const [, address] = /Listening on (\S+)/.exec(out) ?? [];
        if (address) done(address);
      });
    });
    const url = `http://${host}`;
    const options = { staticNetwork: true, cacheTimeout: -1, pollingInterval: 20 };
    return new Anvil(child, url, chainId, new JsonRpcProvider(url, chainId, options));
  }

  /** `host:port`, for `safeHttp.allowedHosts`. */
  get host(): string {
    return new URL(this.url).host;
  }

  async deploy(name: ContractName): Promise<BaseContract> {
    const { abi, bytecode } = artifacts[name];
    const contract = await new ContractFactory(abi, bytecode, await this.provider.getSigner(0)).deploy();
    return contract.waitForDeployment();
  }

  /** Sends a transaction and waits until it is mined. */
  async send(contract: BaseContract, name: string, ...args: unknown[]): Promise<ContractTransactionReceipt> {
    const sent = await contract.getFunction(name).send(...args);
    return (await sent.wait())!;
  }

  /** Sends transactions that are mined in one block. */
  async sendAll(calls: readonly [contract: BaseContract, name: string, ...args: unknown[]][]): Promise<void> {
    await this.provider.send('evm_setAutomine', [false]);
    try {
      const from = await (await this.provider.getSigner(0)).getAddress();
      let nonce = await this.provider.getTransactionCount(from);
      for (const [contract, name, ...args] of calls) {
        await contract.getFunction(name).send(...args, { nonce: nonce++, gasLimit: 1_000_000 });
      }
    } finally {
      await this.provider.send('evm_setAutomine', [true]);
    }
    await this.mine(1);
  }

  /** Mines empty blocks. */
  async mine(blocks: number): Promise<void> {
    await this.provider.send('anvil_mine', [toQuantity(blocks)]);
  }

  /** Replaces the newest blocks by empty ones: their transactions never happened. */
  async reorganise(blocks: number): Promise<void> {
    await this.provider.send('anvil_reorg', [blocks, []]);
  }

  /** The chain as it is now, to which `revert` returns. */
  async snapshot(): Promise<string> {
    return (await this.provider.send('evm_snapshot', [])) as string;
  }

  /** All blocks since the snapshot never existed, and the next ones have their numbers. */
  async revert(snapshot: string): Promise<void> {
    await this.provider.send('evm_revert', [snapshot]);
  }

  /** SIGTERM, because the command is a wrapper: SIGKILL would leave the node running. */
  async stop(): Promise<void> {
    this.provider.destroy();
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const ended = new Promise((done) => this.process.once('close', done));
    this.process.kill('SIGTERM');
    await ended;
  }
}
