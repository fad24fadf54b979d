import { ChainEventsModule } from '@app/chain-events';
import { useHostLogger } from '@app/logging';
import { ContractSignatures, MetadataFetchModule } from '@app/metadata-fetch';
import { MetadataRefreshModule } from '@app/metadata-refresh';
import { ContractWallets, ProjectAuthModule } from '@app/project-auth';
import { refreshApiExtraNames, RefreshApiModule } from '@app/refresh-api';
import { SafeHttpModule } from '@app/safe-http';
import { TokenStoreModule } from '@app/token-store';
import {
  Inject,
  Injectable,
  Module,
  type DynamicModule,
  type FactoryProvider,
  type OnApplicationShutdown,
} from '@nestjs/common';
import {
  checkExtras,
  checkOptions,
  splitOptions,
  type NftRefreshExtras,
  type NftRefreshOptions,
} from './nft-refresh.options.js';

const NFT_REFRESH_OPTIONS = Symbol('NftRefreshOptions');

type OptionsFactory = Pick<FactoryProvider<NftRefreshOptions>, 'useFactory' | 'inject'> &
  Pick<DynamicModule, 'imports'>;

/** Makes the logger of the options that of all modules, until the application has stopped. */
@Injectable()
class HostLogger implements OnApplicationShutdown {
  private readonly end: (() => void) | undefined;

  constructor(@Inject(NFT_REFRESH_OPTIONS) { logger }: NftRefreshOptions) {
    this.end = logger && useHostLogger(logger);
  }

  onApplicationShutdown(): void {
    this.end?.();
  }
}

/** Sets up all modules but MetadataEventsModule, which you import separately. You can inject everything that they export. */
@Module({})
export class NftRefreshModule {
  /** Throws an Error that names a wrong option. */
  static forRoot(given: NftRefreshOptions & NftRefreshExtras = {}): DynamicModule {
    const [extras, options] = splitOptions(given);
    return assemble(extras, { useFactory: () => options });
  }

  /** The factory returns the options. Extras are given next to the factory. */
  static forRootAsync({ imports, inject, useFactory, ...extras }: OptionsFactory & NftRefreshExtras): DynamicModule {
    return assemble(checkExtras(extras), { imports: imports ?? [], inject: inject ?? [], useFactory });
  }
}

function assemble(extras: NftRefreshExtras, { imports = [], inject = [], useFactory }: OptionsFactory): DynamicModule {
  const { runMode = 'all' } = extras;
  const checked = async (...injected: unknown[]) => checkOptions(await useFactory(...injected));
  const source: DynamicModule = {
    module: class NftRefreshOptionsModule {},
    imports,
    providers: [{ provide: NFT_REFRESH_OPTIONS, inject, useFactory: checked }, HostLogger],
    exports: [NFT_REFRESH_OPTIONS],
  };
  /** Passes a module its own options, since it refuses all others. */
  const optionsOf = <Key extends Exclude<keyof NftRefreshOptions, 'logger'>>(
    key: Key,
    needs: readonly DynamicModule[] = [],
  ) => ({
    imports: [source, ...imports, ...needs],
    inject: [NFT_REFRESH_OPTIONS],
    useFactory: (options: NftRefreshOptions): NonNullable<NftRefreshOptions[Key]> => options[key] ?? {},
  });
  const { isGlobal = true, contextName } = extras;

  const store = TokenStoreModule.forRootAsync({
    ...given(extras, ['tokenStore', 'versionStore', 'stagingStore']),
    isGlobal,
    contextName,
    imports,
    useFactory: () => ({}),
  });
  const http = SafeHttpModule.forRootAsync({ isGlobal, ...optionsOf('safeHttp') });
  const fetching = MetadataFetchModule.forRootAsync({
    ...given(extras, ['metadataSource']),
    isGlobal,
    ...optionsOf('metadataFetch', [http]),
  });
  const runWorker = extras.runWorker ?? runMode !== 'api';
  const refreshing = MetadataRefreshModule.forRootAsync({
    isGlobal,
    contextName,
    ...optionsOf('metadataRefresh', [store, fetching]),
    runWorker,
  });
  const watching = ChainEventsModule.forRootAsync({
    isGlobal,
    contextName,
    ...optionsOf('chainEvents', [store, fetching, refreshing]),
    runWatcher: runWorker,
  });
  const working = [store, http, fetching, refreshing, watching];
  if (runMode === 'worker') return { module: NftRefreshModule, imports: working, exports: working };

  const auth = ProjectAuthModule.forRootAsync({
    contractWallets: { provide: ContractWallets, useExisting: ContractSignatures },
    ...given(extras, ['projectDirectory', 'clock', 'contractWallets']),
    isGlobal,
    contextName,
    ...optionsOf('projectAuth', [fetching]),
  });
  const api = RefreshApiModule.forRootAsync({
    ...given(extras, refreshApiExtraNames),
    ...optionsOf('refreshApi', [store, refreshing, auth]),
  });
  return { module: NftRefreshModule, imports: [...working, auth, api], exports: [...working, auth] };
}

/** Picks the extras that were given, so that the others keep their defaults. */
function given<Name extends keyof NftRefreshExtras>(
  extras: NftRefreshExtras,
  names: readonly Name[],
): Pick<NftRefreshExtras, Name> {
  return Object.fromEntries(
    Object.entries(extras).filter(([name]) => (names as readonly string[]).includes(name)),
  ) as Pick<NftRefreshExtras, Name>;
}
