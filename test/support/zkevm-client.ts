import type { BlockchainData } from '@imtbl/blockchain-data';

type Sdk = typeof import('@imtbl/blockchain-data');

/** What the client throws. */
export interface ZkevmClientError {
  code: string;
  message: string;
  link: string;
  traceId: string;
  details: Record<string, unknown> | null;
}

/** The published client of Immutable zkEVM, as a partner configures it. */
export class ZkevmClients {
  private constructor(
    readonly sdk: Sdk,
    readonly basePath: string,
  ) {}

  /** Importing the client starts a timer that reports to Immutable, except under Jest. */
  static async of(basePath: string): Promise<ZkevmClients> {
    const before = process.env['JEST_WORKER_ID'];
    process.env['JEST_WORKER_ID'] = '1';
    try {
      return new ZkevmClients(await import('@imtbl/blockchain-data'), basePath);
    } finally {
      if (before === undefined) delete process.env['JEST_WORKER_ID'];
      else process.env['JEST_WORKER_ID'] = before;
    }
  }

  /** With the host, and where the key stands. */
  with(apiKey?: string): BlockchainData {
    const { sdk, basePath } = this;
    return new sdk.BlockchainData({
      baseConfig: { environment: 'sandbox' as never },
      overrides: { basePath, ...(apiKey !== undefined && { headers: { 'x-immutable-api-key': apiKey } }) },
    });
  }

  /** The error that the client throws. */
  async errorOf(call: Promise<unknown>): Promise<ZkevmClientError> {
    const error = await call.then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof this.sdk.APIError)) throw new Error(`The client threw no APIError: ${String(error)}`);
    return error as unknown as ZkevmClientError;
  }
}
