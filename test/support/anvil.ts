import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { BaseContract, ContractFactory, JsonRpcProvider, type InterfaceAbi } from 'ethers';
import { reapOnExit } from './process-reaper.js';

const require = createRequire(import.meta.url);

type ContractName = 'Cards' | 'Potions' | 'ScriptedContract';

const artifacts = JSON.parse(readFileSync(new URL('contracts/collections.json', import.meta.url), 'utf8')) as Record<
  ContractName,
  { abi: InterfaceAbi; bytecode: string }
>;

/** A local Ethereum node: anvil on a free port, with a funded account. */
export class Anvil {
  private constructor(
    private readonly process: ChildProcess,
    readonly url: string,
    readonly chainId: number,
    private readonly provider: JsonRpcProvider,
  ) {}

  static async start(chainId = 31_337): Promise<Anvil> {
    const command = require.resolve('@foundry-rs/anvil/bin.mjs');
    const child = reapOnExit(spawn(process.execPath, [command, '--port', '0', '--chain-id', String(chainId)]));
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

  async deploy(name: ContractName): Promise<BaseContract> {
    const { abi, bytecode } = artifacts[name];
    const contract = await new ContractFactory(abi, bytecode, await this.provider.getSigner(0)).deploy();
    return contract.waitForDeployment();
  }

  /** Sends a transaction and waits until it is mined. */
  async send(contract: BaseContract, name: string, ...args: unknown[]): Promise<void> {
    const sent = await contract.getFunction(name).send(...args);
    await sent.wait();
  }

  /** SIGTERM, because the command is a wrapper: SIGKILL would leave the node running. */
  async stop(): Promise<void> {
    this.provider.destroy();
    const ended = new Promise((done) => this.process.once('close', done));
    this.process.kill('SIGTERM');
    await ended;
  }
}
