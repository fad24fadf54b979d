import { checkNames } from '@app/module-options';
import {
  ConfigurableModuleBuilder,
  Module,
  type DynamicModule,
  type NestModule,
  type OnModuleInit,
} from '@nestjs/common';
import type { z } from 'zod';
import { BodyErrors } from './body-errors.js';
import { ExpressBodyLimits } from './express-body-limits.js';
import { REFRESH_API_CONFIG, type Dialect } from './dialect.js';
import { DialectRoutes, mountDialect, MOUNTED_DIALECTS } from './dialect-routes.js';
import { builtInDialects } from './dialects.js';
import { ProjectApiLocation } from './project-api-location.js';
import {
  completeExtras,
  REFRESH_API_EXTRAS,
  refreshApiExtraNames,
  refreshApiOptions,
  standardExtras,
  type CompleteExtras,
  type RefreshApiConfig,
  type RefreshApiExtras,
  type RefreshApiOptions,
} from './refresh-api.options.js';
import { RequestObserver } from './request-observer.js';
import { UnknownPaths } from './unknown-paths.js';

/** A dialect whose options and extras are among those of the module. */
type Configured<One> = One extends {
  options: infer Options extends z.ZodObject;
  extras: infer Extras extends z.ZodObject;
}
  ? RefreshApiConfig & CompleteExtras extends z.output<Options> & z.output<Extras>
    ? One
    : never
  : never;
/** An error here: refresh-api.options.ts lacks the options of a dialect. */
const ownDialects: readonly Configured<(typeof builtInDialects)[number]>[] = builtInDialects;

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<RefreshApiOptions>({
  moduleName: 'RefreshApi',
  optionsInjectionToken: Symbol('RefreshApiOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<RefreshApiExtras>(standardExtras, (module, given) => {
    checkNames('RefreshApiModule', module, given, { options: refreshApiOptions.names, extras: refreshApiExtraNames });
    const extras = completeExtras(given);
    const dialects: readonly Dialect[] = [...ownDialects, ...extras.dialects];
    const mounted = dialects.map((dialect) => mountDialect(dialect, extras, extras.decorators));
    return {
      ...module,
      controllers: mounted.flatMap(({ controllers }) => controllers),
      providers: [
        ...(module.providers ?? []),
        ...dialects.flatMap(({ filter, providers = [] }) => [filter, ...providers]),
        { provide: MOUNTED_DIALECTS, useValue: mounted },
        { provide: REFRESH_API_EXTRAS, useValue: extras },
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
    // Before ExpressBodyLimits, so that a request whose body cannot be read has its id, too.
    RequestObserver,
    ExpressBodyLimits,
    BodyErrors,
    UnknownPaths,
    ProjectApiLocation,
  ],
  exports: [BodyErrors, ProjectApiLocation, RequestObserver],
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
