import { AttemptCounts } from '@app/metadata-refresh';
import { Controller, Get, Header } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import { collectDefaultMetrics, Counter, Registry } from 'prom-client';

/** Metrics of this process, for Prometheus. */
@Controller('metrics')
export class MetricsController {
  private readonly registry = new Registry();

  constructor(counts: AttemptCounts) {
    collectDefaultMetrics({ register: this.registry });
    new Counter({
      name: 'nft_refresh_metadata_requests_total',
      help: 'Requests to metadata hosts, by outcome and reason.',
      labelNames: ['outcome', 'reason'],
      registers: [this.registry],
      collect() {
        this.reset();
        for (const { outcome, reason, count } of counts.read()) this.inc({ outcome, reason }, count);
      },
    });
  }

  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiTags('Operations')
  @ApiOperation({ summary: 'Read the metrics of this process', operationId: 'getMetrics', security: [] })
  @ApiProduces('text/plain')
  @ApiResponse({ status: 200, description: 'Metrics in the text format of Prometheus.', schema: { type: 'string' } })
  @ApiResponse({ status: 400, description: 'The request is not valid HTTP.' })
  async read(): Promise<string> {
    return this.registry.metrics();
  }
}
