import { packageVersion } from '@app/module-options';
import { ProxyTracerProvider, trace, type Tracer } from '@opentelemetry/api';

const NAME = 'nestjs-nft-refresh';
const VERSION = packageVersion();

/**
 * Our tracer; undefined unless the application has registered an OpenTelemetry SDK. Ask for it before anything that only a trace needs.
 * An SDK may be registered after our modules are loaded, so do not keep the result.
 */
export function findTracer(): Tracer | undefined {
  const provider = trace.getTracerProvider();
  // What the API hands out has an SDK behind it, or nothing.
  if (provider instanceof ProxyTracerProvider) return provider.getDelegateTracer(NAME, VERSION);
  return provider.getTracer(NAME, VERSION);
}
