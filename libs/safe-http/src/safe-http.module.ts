import { checkNames } from '@app/module-options';
import { ConfigurableModuleBuilder, Module, type DynamicModule } from '@nestjs/common';
import { BodyBufferPool } from './body-buffer-pool.js';
import { HttpMessageSender } from './http-message-sender.js';
import { MessageSender } from './message-sender.js';
import { SAFE_HTTP_CONFIG, safeHttpOptions, type SafeHttpOptions } from './safe-http.options.js';
import { SsrfSafeHttp } from './ssrf-safe-http.js';

/** What `forRoot` and `forRootAsync` accept besides the options. */
export interface SafeHttpExtras {
  /** Whether other modules can inject the exports without importing this module. Default: true. */
  isGlobal?: boolean;
}

// setExtras treats every name that is missing here as an option.
const STANDARD_EXTRAS = { isGlobal: true };

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<SafeHttpOptions>({
  moduleName: 'SafeHttp',
  optionsInjectionToken: Symbol('SafeHttpOptions'),
})
  .setClassMethodName('forRoot')
  .setExtras<SafeHttpExtras>(STANDARD_EXTRAS, (module, given) => {
    checkNames('SafeHttpModule', module, given, {
      options: safeHttpOptions.names,
      extras: Object.keys(STANDARD_EXTRAS),
    });
    return { ...module, global: given.isGlobal ?? true };
  })
  .build();

/** The one HTTP client for untrusted URLs: metadata hosts, gateways, RPC nodes, webhooks. Uses no database. */
@Module({
  providers: [
    {
      provide: SAFE_HTTP_CONFIG,
      inject: [MODULE_OPTIONS_TOKEN],
      useFactory: (given: SafeHttpOptions) => safeHttpOptions.complete(given),
    },
    SsrfSafeHttp,
    BodyBufferPool,
    { provide: MessageSender, useClass: HttpMessageSender },
  ],
  exports: [SAFE_HTTP_CONFIG, SsrfSafeHttp, BodyBufferPool, MessageSender],
})
export class SafeHttpModule extends ConfigurableModuleClass {
  static override forRoot(options: SafeHttpOptions & SafeHttpExtras = {}): DynamicModule {
    return super.forRoot(options);
  }
}
