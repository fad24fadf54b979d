import { checkNames, mountController } from '@app/module-options';
import { BodyErrors, RequestObserver } from '@app/refresh-api';
import {
  ConfigurableModuleBuilder,
  Inject,
  Module,
  type DynamicModule,
  type NestModule,
  type Provider,
  type Type,
} from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import { Actions } from './actions.js';
import { ApiFallbackController } from './api-fallback.controller.js';
import { ChainController } from './chain/chain.controller.js';
import { ChainViews } from './chain/chain-views.js';
import { CollectionViews } from './collections/collection-views.js';
import { CollectionsController } from './collections/collections.controller.js';
import { NewRefreshes } from './collections/new-refreshes.js';
import { ConsoleFilter } from './console.filter.js';
import { ConsoleIdentity } from './console-identity.js';
import {
  completeExtras,
  CONSOLE_CONFIG,
  consoleOptions,
  standardExtras,
  type ConsoleExtras,
  type ConsoleOptions,
} from './console.options.js';
import { FailuresController } from './failures/failures.controller.js';
import { FailureViews } from './failures/failure-views.js';
import { HostsController } from './hosts/hosts.controller.js';
import { HostViews } from './hosts/host-views.js';
import { Names } from './names.js';
import { Findings } from './overview/findings.js';
import { OverviewController } from './overview/overview.controller.js';
import { OverviewViews } from './overview/overview-views.js';
import { Pages } from './pages.js';
import { TokenPictures } from './pictures/token-pictures.js';
import { ProjectsController } from './projects/projects.controller.js';
import { ProjectViews } from './projects/project-views.js';
import { RefreshViews } from './refreshes/refresh-views.js';
import { RefreshesController } from './refreshes/refreshes.controller.js';
import { Responder } from './responder.js';
import { RevealViews } from './reveals/reveal-views.js';
import { RevealsController } from './reveals/reveals.controller.js';
import { SearchController } from './search/search.controller.js';
import { SearchViews } from './search/search-views.js';
import { ApiLink } from './session/api-link.js';
import { OwnPage } from './session/own-page.js';
import { People } from './session/people.js';
import { PersonGuard } from './session/person.guard.js';
import { SessionController } from './session/session.controller.js';
import { SessionKeys } from './session/session-keys.js';
import { SignInLimit } from './session/sign-in-limit.js';
import { SharedReads } from './shared-reads.js';
import { nameNoWildcards } from './shell/mount-path.js';
import { ShellController } from './shell/shell.controller.js';
import { TokensController } from './tokens/tokens.controller.js';
import { TokenViews } from './tokens/token-views.js';
import { WebhooksController } from './webhooks/webhooks.controller.js';
import { WebhookViews } from './webhooks/webhook-views.js';
import { WebFiles } from './shell/web-files.js';
import { ValidationController } from './validation/validation.controller.js';

/** The path of all endpoints. */
const API_PATH = Symbol('ConsoleApiPath');

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<ConsoleOptions>({
  moduleName: 'NftRefreshConsole',
  optionsInjectionToken: Symbol('ConsoleOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<ConsoleExtras>(standardExtras, (module, given) => {
    checkNames('NftRefreshConsoleModule', module, given, {
      options: consoleOptions.names,
      extras: Object.keys(standardExtras),
    });
    const { path, decorators } = completeExtras(given);
    return {
      ...module,
      imports: [...(module.imports ?? []), ...(given.identify ? [givenByHost(given.identify, module.imports)] : [])],
      controllers: controllersAt(path, decorators),
      providers: [...(module.providers ?? []), { provide: API_PATH, useValue: `${path}/api` }],
    };
  })
  .build();

/**
 * The console: pages for operators and partners, below one path. It needs NftRefreshModule with routes (`runMode` is not `worker`), and
 * shows webhooks if MetadataEventsModule is there. It registers nothing global.
 */
@Module({
  providers: [
    {
      provide: CONSOLE_CONFIG,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (given: ConsoleOptions) => consoleOptions.complete(given),
    },
    ConsoleFilter,
    Pages,
    Responder,
    SharedReads,
    WebFiles,
    ApiLink,
    OwnPage,
    People,
    PersonGuard,
    SessionKeys,
    SignInLimit,
    Actions,
    Names,
    FailureViews,
    Findings,
    ChainViews,
    CollectionViews,
    NewRefreshes,
    TokenPictures,
    HostViews,
    OverviewViews,
    ProjectViews,
    RefreshViews,
    RevealViews,
    TokenViews,
    WebhookViews,
    SearchViews,
  ],
})
export class NftRefreshConsoleModule extends ConfigurableModuleClass implements NestModule {
  constructor(
    private readonly adapterHost: HttpAdapterHost,
    private readonly modules: ModuleRef,
    private readonly filter: ConsoleFilter,
    @Inject(API_PATH) private readonly apiPath: string,
  ) {
    super();
  }

  static override forRoot(options: ConsoleOptions & ConsoleExtras = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** Nest calls this before it registers routes, and only in an application with HTTP. */
  configure(): void {
    nameNoWildcards(this.adapterHost);
    // RefreshApiModule is not global, because nothing else needs it.
    this.modules.get(RequestObserver, { strict: false }).observeBelow(NftRefreshConsoleModule, this.apiPath);
    this.modules.get(BodyErrors, { strict: false }).translateBelow(NftRefreshConsoleModule, this.apiPath, this.filter);
  }
}

/** The endpoints, by their path below that of all endpoints. */
const ENDPOINTS: readonly [path: string, controller: Type<object>][] = [
  ['session', SessionController],
  ['refreshes', RefreshesController],
  ['tokens', TokensController],
  ['reveals', RevealsController],
  ['collections', CollectionsController],
  ['validate', ValidationController],
  ['chain', ChainController],
  ['search', SearchController],
  ['failures', FailuresController],
  ['hosts', HostsController],
  ['webhooks', WebhooksController],
  ['projects', ProjectsController],
  ['', OverviewController],
  // Last, because it takes every path below.
  ['', ApiFallbackController],
];

function controllersAt(path: string, decorators: readonly ClassDecorator[]): NonNullable<DynamicModule['controllers']> {
  return [
    ...ENDPOINTS.map(([below, controller]) => mountController(`${path}/api`, below, controller, decorators)),
    mountController(path, '', ShellController, decorators),
  ];
}

/** Provides the class in a module of its own, where it can inject what the host application imports for it. */
function givenByHost(provider: Provider<ConsoleIdentity>, imports: DynamicModule['imports'] = []): DynamicModule {
  return {
    module: class GivenConsoleIdentityModule {},
    imports,
    providers: [
      typeof provider === 'function'
        ? { provide: ConsoleIdentity, useClass: provider }
        : { ...provider, provide: ConsoleIdentity },
    ],
    exports: [ConsoleIdentity],
  };
}
