import { checkNames, mountController } from '@app/module-options';
import {
  ConfigurableModuleBuilder,
  Module,
  type DynamicModule,
  type NestModule,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { BodyErrors } from './body-errors.js';
import { CollectionApiFallbackController } from './collection-api/collection-api-fallback.controller.js';
import { CollectionsController, COLLECTIONS_PATH } from './collection-api/collections.controller.js';
import { PARTNER_PATH, PartnerApiController } from './partner-api/partner-api.controller.js';
import { PartnerApiFilter } from './partner-api/partner-api.filter.js';
import {
  PartnerApiUnknownPathController,
  PartnerApiFallbackController,
} from './partner-api/partner-api-fallback.controller.js';
import { LimitsController, LIMITS_PATH } from './project-api/limits.controller.js';
import { ProjectApiController, REFRESHES_PATH } from './project-api/project-api.controller.js';
import { RefreshTokensController } from './project-api/refresh-tokens.controller.js';
import { ProjectApiFilter } from './project-api/project-api.filter.js';
import {
  EstimateFallbackController,
  LimitsFallbackController,
  ProjectApiFallbackController,
} from './project-api/project-api-fallback.controller.js';
import { RefreshControlController } from './project-api/refresh-control.controller.js';
import { ESTIMATE_PATH, RefreshEstimateController } from './project-api/refresh-estimate.controller.js';
import { RevealApiFallbackController } from './reveal-api/reveal-api-fallback.controller.js';
import { REVEALS_PATH, RevealsController } from './reveal-api/reveals.controller.js';
import { TokenApiFallbackController } from './token-api/token-api-fallback.controller.js';
import { TokenAttemptsController } from './token-api/token-attempts.controller.js';
import { TokenRestoreController } from './token-api/token-restore.controller.js';
import { TokenVersionsController } from './token-api/token-versions.controller.js';
import { TokensController, TOKENS_PATH } from './token-api/tokens.controller.js';
import { ValidationApiFallbackController } from './validation-api/validation-api-fallback.controller.js';
import { VALIDATE_PATH, ValidationController } from './validation-api/validation.controller.js';
import { WebhookApiFilter } from './webhook-api/webhook-api.filter.js';
import { WebhookApiFallbackController } from './webhook-api/webhook-api-fallback.controller.js';
import { WebhooksController, WEBHOOKS_PATH } from './webhook-api/webhooks.controller.js';
import {
  completePaths,
  REFRESH_API_CONFIG,
  refreshApiOptions,
  REFRESH_API_PATHS,
  standardExtras,
  type RefreshApiExtras,
  type RefreshApiOptions,
} from './refresh-api.options.js';
import { RequestObserver } from './request-observer.js';
import { UnknownPaths } from './unknown-paths.js';
import { ChainNames } from './zkevm-api/chain-names.js';
import { ChainsController } from './zkevm-api/chains.controller.js';
import { CollectionItems } from './zkevm-api/collection-items.js';
import { CollectionPages } from './zkevm-api/collection-pages.js';
import { ZkevmCollectionsController } from './zkevm-api/collections.controller.js';
import { NftPages } from './zkevm-api/nft-pages.js';
import { NftsController } from './zkevm-api/nfts.controller.js';
import { MetadataController } from './zkevm-api/metadata.controller.js';
import { PushBodies } from './zkevm-api/push-bodies.js';
import { PushController } from './zkevm-api/push.controller.js';
import { StackPages } from './zkevm-api/stack-pages.js';
import {
  NftsFallbackController,
  PushFallbackController,
  ZkevmUnknownPathController,
} from './zkevm-api/zkevm-api-fallback.controller.js';
import { ZkevmApiFilter } from './zkevm-api/zkevm-api.filter.js';

const CHAINS_PATH = 'chains';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<RefreshApiOptions>({
  moduleName: 'RefreshApi',
  optionsInjectionToken: Symbol('RefreshApiOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<RefreshApiExtras>(standardExtras, (module, extras) => {
    checkNames('RefreshApiModule', module, extras, {
      options: refreshApiOptions.names,
      extras: Object.keys(standardExtras),
    });
    const paths = completePaths(extras);
    return {
      ...module,
      controllers: controllersOf(paths),
      providers: [...(module.providers ?? []), { provide: REFRESH_API_PATHS, useValue: paths }],
    };
  })
  .build();

/** The HTTP API in its dialects. It needs MetadataRefreshModule and ProjectAuthModule, and registers nothing global. */
@Module({
  providers: [
    {
      provide: REFRESH_API_CONFIG,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (given: RefreshApiOptions) => refreshApiOptions.complete(given),
    },
    ProjectApiFilter,
    WebhookApiFilter,
    PartnerApiFilter,
    ZkevmApiFilter,
    ChainNames,
    CollectionItems,
    NftPages,
    StackPages,
    CollectionPages,
    RequestObserver,
    PushBodies,
    BodyErrors,
    UnknownPaths,
  ],
})
export class RefreshApiModule extends ConfigurableModuleClass implements NestModule, OnModuleInit {
  constructor(
    private readonly requests: RequestObserver,
    private readonly bodyErrors: BodyErrors,
    private readonly pushBodies: PushBodies,
    private readonly unknownPaths: UnknownPaths,
  ) {
    super();
  }

  static override forRoot(options: RefreshApiOptions & RefreshApiExtras = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** Nest calls this before it registers routes, and only in an application with HTTP. */
  configure(): void {
    this.requests.beforeRoutes(RefreshApiModule);
    this.pushBodies.findPaths(RefreshApiModule);
    this.bodyErrors.beforeRoutes(RefreshApiModule);
  }

  /** Nest calls this after it has registered routes. */
  onModuleInit(): void {
    this.unknownPaths.afterRoutes(RefreshApiModule);
    this.bodyErrors.afterRoutes(RefreshApiModule);
  }
}

function controllersOf({
  projectApiPath,
  partnerApiPaths,
  zkevmApiPath,
  exposeTokenRoutes,
  exposeCollectionRoutes,
  exposeWebhookRoutes,
  decorators,
}: Required<RefreshApiExtras>): NonNullable<DynamicModule['controllers']> {
  const mount = <T>(base: string, path: string, controller: Type<T>) =>
    mountController(base, path, controller, decorators);
  const projectApi =
    projectApiPath === false
      ? []
      : [
          // First, because a refresh id may be any text.
          mount(projectApiPath, ESTIMATE_PATH, RefreshEstimateController),
          mount(projectApiPath, ESTIMATE_PATH, EstimateFallbackController),
          mount(projectApiPath, VALIDATE_PATH, ValidationController),
          mount(projectApiPath, VALIDATE_PATH, ValidationApiFallbackController),
          mount(projectApiPath, REFRESHES_PATH, ProjectApiController),
          mount(projectApiPath, REFRESHES_PATH, RefreshControlController),
          mount(projectApiPath, REFRESHES_PATH, RefreshTokensController),
          mount(projectApiPath, REVEALS_PATH, RevealsController),
          mount(projectApiPath, REVEALS_PATH, RevealApiFallbackController),
          mount(projectApiPath, LIMITS_PATH, LimitsController),
          mount(projectApiPath, LIMITS_PATH, LimitsFallbackController),
          ...(exposeTokenRoutes
            ? [
                mount(projectApiPath, TOKENS_PATH, TokensController),
                mount(projectApiPath, TOKENS_PATH, TokenVersionsController),
                mount(projectApiPath, TOKENS_PATH, TokenRestoreController),
                mount(projectApiPath, TOKENS_PATH, TokenAttemptsController),
                mount(projectApiPath, TOKENS_PATH, TokenApiFallbackController),
              ]
            : []),
          ...(exposeCollectionRoutes
            ? [
                mount(projectApiPath, COLLECTIONS_PATH, CollectionsController),
                mount(projectApiPath, COLLECTIONS_PATH, CollectionApiFallbackController),
              ]
            : []),
          ...(exposeWebhookRoutes
            ? [
                mount(projectApiPath, WEBHOOKS_PATH, WebhooksController),
                mount(projectApiPath, WEBHOOKS_PATH, WebhookApiFallbackController),
              ]
            : []),
          // Last, because it takes every path below.
          mount(projectApiPath, REFRESHES_PATH, ProjectApiFallbackController),
        ];
  const partnerApi = partnerApiPaths.flatMap((path) => [
    mount(path, PARTNER_PATH, PartnerApiController),
    mount(path, PARTNER_PATH, PartnerApiFallbackController),
    ...(path === '' ? [] : [mount(path, '', PartnerApiUnknownPathController)]),
  ]);
  const zkevmApi =
    zkevmApiPath === false
      ? []
      : [
          mount(zkevmApiPath, CHAINS_PATH, PushController),
          mount(zkevmApiPath, CHAINS_PATH, PushFallbackController),
          ...(exposeTokenRoutes
            ? [
                mount(zkevmApiPath, CHAINS_PATH, ChainsController),
                mount(zkevmApiPath, CHAINS_PATH, NftsController),
                mount(zkevmApiPath, CHAINS_PATH, MetadataController),
                mount(zkevmApiPath, CHAINS_PATH, ZkevmCollectionsController),
                mount(zkevmApiPath, CHAINS_PATH, NftsFallbackController),
              ]
            : []),
          mount(zkevmApiPath, CHAINS_PATH, ZkevmUnknownPathController),
        ];
  return [...projectApi, ...partnerApi, ...zkevmApi];
}
