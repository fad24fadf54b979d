import { checkNames } from '@app/module-options';
import {
  ConfigurableModuleBuilder,
  Module,
  type DynamicModule,
  type NestModule,
  type OnModuleInit,
} from '@nestjs/common';
import { BodyErrors } from './body-errors.js';
import { BodyLimits } from './body-limits.js';
import { REFRESH_API_CONFIG, type Dialect } from './dialect.js';
import { DialectRoutes, mountDialect, MOUNTED_DIALECTS } from './dialect-routes.js';
import { builtInDialects } from './dialects.js';
import {
  completeExtras,
  refreshApiExtraNames,
  refreshApiOptions,
  standardExtras,
  type RefreshApiExtras,
  type RefreshApiOptions,
} from './refresh-api.options.js';
import { RequestObserver } from './request-observer.js';
import { UnknownPaths } from './unknown-paths.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<RefreshApiOptions>({
  moduleName: 'RefreshApi',
  optionsInjectionToken: Symbol('RefreshApiOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<RefreshApiExtras>(standardExtras, (module, given) => {
    checkNames('RefreshApiModule', module, given, { options: refreshApiOptions.names, extras: refreshApiExtraNames });
    const extras = completeExtras(given);
    const dialects: readonly Dialect[] = [...builtInDialects, ...extras.dialects];
    const mounted = dialects.map((dialect) => mountDialect(dialect, extras, extras.decorators));
    return {
      ...module,
      controllers: mounted.flatMap(({ controllers }) => controllers),
      providers: [
        ...(module.providers ?? []),
        ...dialects.flatMap(({ filter, providers = [] }) => [filter, ...providers]),
        { provide: MOUNTED_DIALECTS, useValue: mounted },
      ],
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
    DialectRoutes,
    BodyLimits,
    RequestObserver,
    BodyErrors,
    UnknownPaths,
  ],
})
export class RefreshApiModule extends ConfigurableModuleClass implements NestModule, OnModuleInit {
  constructor(
    private readonly routes: DialectRoutes,
    private readonly requests: RequestObserver,
    private readonly bodyErrors: BodyErrors,
    private readonly unknownPaths: UnknownPaths,
  ) {
    super();
  }

  static override forRoot(options: RefreshApiOptions & RefreshApiExtras = {}): DynamicModule {
    return super.forRoot(options);
  }

  /** Nest calls this before it registers routes, and only in an application with HTTP. */
  configure(): void {
    this.routes.locate(RefreshApiModule);
    this.requests.beforeRoutes();
    this.bodyErrors.beforeRoutes();
  }

  /** Nest calls this after it has registered routes. */
  onModuleInit(): void {
    this.unknownPaths.afterRoutes();
    this.bodyErrors.afterRoutes();
  }
}
