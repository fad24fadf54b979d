import { trace, TraceFlags, type Span } from '@opentelemetry/api';
import { contextOf, traceparentOf } from './traceparent.js';

const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function aSpan({ traceFlags = TraceFlags.SAMPLED, isRecording = true } = {}): Span {
  const spanContext = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceFlags };
  return Object.assign(trace.wrapSpanContext(spanContext), { isRecording: () => isRecording });
}

it('a sampled span is stored as W3C traceparent, and read again as its remote context', () => {
  const stored = traceparentOf(aSpan());

  expect(stored).toBe(TRACEPARENT);
  expect(trace.getSpanContext(contextOf(stored!)!)).toEqual({
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    traceFlags: TraceFlags.SAMPLED,
    isRemote: true,
  });
});

it('nothing is stored of a span that is not sampled or not recorded, nor without a span', () => {
  const spans = [aSpan({ traceFlags: TraceFlags.NONE }), aSpan({ isRecording: false }), undefined];

  expect(spans.map(traceparentOf)).toEqual([null, null, null]);
});

it.each(['', 'no traceparent', `01${TRACEPARENT.slice(2)}`, `${TRACEPARENT}-more`])(
  'the text %j is no traceparent',
  (text) => {
    expect(contextOf(text)).toBeUndefined();
  },
);
