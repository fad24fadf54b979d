export { findTracer } from './tracer.js';
export { inSpan, setError, type SpanStart } from './in-span.js';
export { contextOf, linksTo, traceparentOf } from './traceparent.js';
export { redactedUrl } from './redacted-url.js';
