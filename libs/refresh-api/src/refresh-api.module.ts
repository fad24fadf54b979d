import { checkNames } from '@app/module-options';
import {
  ConfigurableModuleBuilder,
  Module,
  type DynamicModule,
  type NestModule,
  type OnModuleInit,
  type Type,
} from '@nestjs/common';
import { BodyErrors } from './body-errors.js';
import { CollectionApiWrongRoutes } from './collection-api/collection-api-wrong-routes.controller.js';
import { CollectionsController, COLLECTIONS_PATH } from './collection-api/collections.controller.js';
import { mountedAt } from './mounted-at.js';
import { PARTNER_PATH, PartnerApiController } from './partner-api/partner-api.controller.js';
import { PartnerApiFilter } from './partner-api/partner-api.filter.js';
import { PartnerApiNothing, PartnerApiFallbackController } from './partner-api/partner-api-fallback.controller.js';
import { LimitsController, LIMITS_PATH } from './project-api/limits.controller.js';
import { ProjectApiController, REFRESHES_PATH } from './project-api/project-api.controller.js';
import { ProjectApiFilter } from './project-api/project-api.filter.js';
import { ProjectApiFallbackController } from './project-api/project-api-fallback.controller.js';
import { TokenApiFallbackController } from './token-api/token-api-fallback.controller.js';
import { TokenAttemptsController } from './token-api/token-attempts.controller.js';
import { TokensController, TOKENS_PATH } from './token-api/tokens.controller.js';
import { WebhookApiFilter } from './webhook-api/webhook-api.filter.js';
import { WebhookApiWrongRoutes } from './webhook-api/webhook-api-wrong-routes.controller.js';
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
import { UnknownPaths } from './unknown-paths.js';

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

/** The HTTP API in its dialects. Needs MetadataRefreshModule and ProjectAuthModule. Nothing of it is global. */
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
    BodyErrors,
    UnknownPaths,
  ],
})
export class RefreshApiModule extends ConfigurableModuleClass implements NestModule, OnModuleInit {
  /** What tunes the module: names, limits and defaults. */
  static readonly options: typeof refreshApiOptions = refreshApiOptions;

  constructor(
    private readonly bodyErrors: BodyErrors,
    private readonly unknownPaths: UnknownPaths,
  ) {
    super();
  }

  static override forRoot(options: RefreshApiOptions & RefreshApiExtras = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** Nest calls this before it registers routes, and only where there is HTTP. */
  configure(): void {
    this.bodyErrors.beforeRoutes(RefreshApiModule);
  }

  /** And this after it. */
  onModuleInit(): void {
    this.unknownPaths.afterRoutes(RefreshApiModule);
    this.bodyErrors.afterRoutes(RefreshApiModule);
  }
}

function controllersOf({
  projectApiPath,
  partnerApiPaths,
  exposeTokenRoutes,
  exposeCollectionRoutes,
  exposeWebhookRoutes,
  decorators,
}: Required<RefreshApiExtras>): NonNullable<DynamicModule['controllers']> {
  const mount = <T>(base: string, path: string, controller: Type<T>) => mountedAt(base, path, controller, decorators);
  const projectApi =
    projectApiPath === false
      ? []
      : [
          mount(projectApiPath, REFRESHES_PATH, ProjectApiController),
          mount(projectApiPath, LIMITS_PATH, LimitsController),
          ...(exposeTokenRoutes
            ? [
                mount(projectApiPath, TOKENS_PATH, TokensController),
                mount(projectApiPath, TOKENS_PATH, TokenAttemptsController),
                mount(projectApiPath, TOKENS_PATH, TokenApiFallbackController),
              ]
            : []),
          ...(exposeCollectionRoutes
            ? [
                mount(projectApiPath, COLLECTIONS_PATH, CollectionsController),
                mount(projectApiPath, COLLECTIONS_PATH, CollectionApiWrongRoutes),
              ]
            : []),
          ...(exposeWebhookRoutes
            ? [
                mount(projectApiPath, WEBHOOKS_PATH, WebhooksController),
                mount(projectApiPath, WEBHOOKS_PATH, WebhookApiWrongRoutes),
              ]
            : []),
          // Last: what no route above has taken.
          mount(projectApiPath, REFRESHES_PATH, ProjectApiFallbackController),
        ];
  const partnerApi = partnerApiPaths.flatMap((path) => [
    mount(path, PARTNER_PATH, PartnerApiController),
    mount(path, PARTNER_PATH, PartnerApiFallbackController),
    ...(path === '' ? [] : [mount(path, '', PartnerApiNothing)]),
  ]);
  return [...projectApi, ...partnerApi];
}
