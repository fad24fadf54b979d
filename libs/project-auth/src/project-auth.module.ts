import { entityManagerOf } from '@app/database';
import { checkNames } from '@app/module-options';
import { MikroOrmModule } from '@mikro-orm/nestjs';
import { ConfigurableModuleBuilder, Module, type DynamicModule, type Provider } from '@nestjs/common';
import { ApiKey } from './api-key.entity.js';
import { ApiKeyGuard } from './api-key.guard.js';
import { CallerAuthentication } from './caller-authentication.js';
import { Clock, SystemClock } from './clock.js';
import { ConsoleActions } from './console-actions.js';
import { ConsoleSecret } from './console-secret.js';
import { ContractWallets, NoContractWallets } from './contract-wallets.js';
import { PROJECT_AUTH_CONFIG, projectAuthOptions, type ProjectAuthOptions } from './project-auth.options.js';
import { ProjectDirectory } from './project-directory.js';
import { Project } from './project.entity.js';
import { Projects } from './projects.js';
import { RequestRate } from './request-rate.js';
import { RequestRateGuard } from './request-rate.guard.js';
import { PostgresThrottlerStorage } from './postgres-throttler-storage.js';
import { SignatureReplayStore } from './signature-replay-store.js';
import { WalletSignIn } from './wallet-sign-in.js';
import { WalletSignatureGuard } from './wallet-signature.guard.js';

/** The extras of the module. */
export interface ProjectAuthExtras {
  /** Whether other modules can inject the exports without importing this module. Default: true. */
  isGlobal?: boolean;
  /**
   * The name of the host application's MikroORM connection to the database with our tables. Default: the connection
   * without a name.
   */
  contextName?: string | undefined;
  /**
   * A provider for your own ProjectDirectory, if your application has its own users and keys. It can inject your own
   * classes.
   */
  projectDirectory?: Provider<ProjectDirectory>;
  /** A provider for your own Clock. */
  clock?: Provider<Clock>;
  /** A provider for your own ContractWallets. NftRefreshModule has one. */
  contractWallets?: Provider<ContractWallets>;
}

const NAME = 'ProjectAuthModule';
// setExtras treats every name that is missing here as an option.
const STANDARD_EXTRAS = {
  isGlobal: true,
  contextName: undefined,
  projectDirectory: undefined,
  clock: undefined,
  contractWallets: undefined,
};
const ENTITIES = [Project, ApiKey];

const GIVEN_DIRECTORY = Symbol('GivenProjectDirectory');

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<ProjectAuthOptions>({
  moduleName: 'ProjectAuth',
  optionsInjectionToken: Symbol('ProjectAuthOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<ProjectAuthExtras>(STANDARD_EXTRAS, (module, given) => {
    checkNames(NAME, module, given, { options: projectAuthOptions.names, extras: Object.keys(STANDARD_EXTRAS) });
    const { isGlobal = true, contextName, projectDirectory, clock, contractWallets } = given;
    // Registers the entities for `autoLoadEntities`. The module that it returns has repositories, which are not needed.
    MikroOrmModule.forFeature(ENTITIES, contextName);
    return {
      ...module,
      global: isGlobal,
      imports: [
        ...(module.imports ?? []),
        ...(projectDirectory ? [givenByHost(projectDirectory, module.imports)] : []),
      ],
      providers: [
        ...(module.providers ?? []),
        entityManagerOf({ module: NAME, contextName, entities: ENTITIES }),
        { provide: ProjectDirectory, useExisting: projectDirectory ? GIVEN_DIRECTORY : Projects },
        clock ?? { provide: Clock, useClass: SystemClock },
        contractWallets ?? { provide: ContractWallets, useClass: NoContractWallets },
      ],
    };
  })
  .build();

/** Authenticates callers: projects, API keys, and the guards of our controllers. */
@Module({
  providers: [
    {
      provide: PROJECT_AUTH_CONFIG,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (given: ProjectAuthOptions) => projectAuthOptions.complete(given),
    },
    Projects,
    ApiKeyGuard,
    WalletSignatureGuard,
    CallerAuthentication,
    SignatureReplayStore,
    RequestRate,
    PostgresThrottlerStorage,
    RequestRateGuard,
    ConsoleActions,
    ConsoleSecret,
    WalletSignIn,
  ],
  exports: [
    Projects,
    ProjectDirectory,
    Clock,
    ApiKeyGuard,
    WalletSignatureGuard,
    CallerAuthentication,
    RequestRate,
    PostgresThrottlerStorage,
    RequestRateGuard,
    ConsoleActions,
    ConsoleSecret,
    WalletSignIn,
  ],
})
export class ProjectAuthModule extends ConfigurableModuleClass {
  static override forRoot(options: ProjectAuthOptions & ProjectAuthExtras = {}): DynamicModule {
    return super.forRoot(options);
  }
}

/** Provides the class in a module of its own, where an injected EntityManager is that of the host application. */
function givenByHost(provider: Provider<ProjectDirectory>, imports: DynamicModule['imports'] = []): DynamicModule {
  return {
    module: class GivenProjectDirectoryModule {},
    imports,
    providers: [{ ...provider, provide: GIVEN_DIRECTORY } as Provider],
    exports: [GIVEN_DIRECTORY],
  };
}
