import { Module } from '@nestjs/common';
import { HealthModule } from '../health/health.module.js';
import { WorkersModule } from '../workers/workers.module.js';
import { MetricsController } from './metrics.controller.js';
import { ProcessMetrics } from './process-metrics.js';
import { ServiceMetrics } from './service-metrics.js';
import { SharedStatus } from './shared-status.js';

@Module({
  imports: [HealthModule, WorkersModule],
  controllers: [MetricsController],
  providers: [ProcessMetrics, ServiceMetrics, SharedStatus],
})
export class MetricsModule {}
