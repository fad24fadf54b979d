import { Controller, Get, Header } from '@nestjs/common';
import { ApiOperation, ApiProduces, ApiResponse, ApiTags } from '@nestjs/swagger';
import { ServiceMetrics } from './service-metrics.js';

/** Metrics of this process and its workers, for Prometheus. */
@Controller('metrics')
export class MetricsController {
  constructor(private readonly metrics: ServiceMetrics) {}

  @Get()
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  @ApiTags('Operations')
  @ApiOperation({
    summary: 'Read the metrics of this process and of its worker processes',
    operationId: 'getMetrics',
    security: [],
  })
  @ApiProduces('text/plain')
  @ApiResponse({ status: 200, description: 'Metrics in the text format of Prometheus.', schema: { type: 'string' } })
  @ApiResponse({ status: 400, description: 'The request is not valid HTTP.' })
  read(): Promise<string> {
    return this.metrics.read();
  }
}
