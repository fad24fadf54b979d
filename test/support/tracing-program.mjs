// Preloaded into a service: an OpenTelemetry SDK as an operator registers it, which prints each span as a line.
import { NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';

const exporter = {
  export(spans, done) {
    for (const span of spans) {
      const { traceId, spanId } = span.spanContext();
      console.log(
        `span ${JSON.stringify({ name: span.name, traceId, spanId, parentId: span.parentSpanContext?.spanId })}`,
      );
    }
    done({ code: 0 });
  },
  shutdown: async () => {},
};
new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
