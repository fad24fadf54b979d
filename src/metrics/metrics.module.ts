import { Module } from '@nestjs/common';
import { WorkersModule } from '../workers/workers.module.js';
import { MetricsController } from './metrics.controller.js';
import { ProcessMetrics } from './process-metrics.js';
import { ServiceMetrics } from './service-metrics.js';

@Module({ imports: [WorkersModule], controllers: [MetricsController], providers: [ProcessMetrics, ServiceMetrics] })
export class MetricsModule {}
