import { Controller, Get, UseFilters } from '@nestjs/common';
import type { z } from 'zod';
import { ChainNames } from './chain-names.js';
import { ONLY_PAGE } from './page-cursor.js';
import { DocumentsChains } from './zkevm-api.documentation.js';
import { ZkevmApiFilter } from './zkevm-api.filter.js';
import type { chainPageSchema } from './zkevm-api.responses.js';

/** The chains that this deployment names. They are few, so there is one page. */
@Controller()
@UseFilters(ZkevmApiFilter)
export class ChainsController {
  constructor(private readonly chains: ChainNames) {}

  @Get()
  @DocumentsChains()
  listChains(): z.output<typeof chainPageSchema> {
    return {
      result: this.chains.list().map((chain) => ({
        ...chain,
        rpc_url: null,
        operator_allowlist_address: null,
        minter_address: null,
      })),
      page: ONLY_PAGE,
    };
  }
}
