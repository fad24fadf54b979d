import { Controller, Get, ServiceUnavailableException } from '@nestjs/common';
import { DocumentsLive, DocumentsReady } from './health.documentation.js';
import { Readiness } from './readiness.js';

@Controller('health')
export class HealthController {
  constructor(private readonly readiness: Readiness) {}

  /** The process runs. */
  @Get('live')
  @DocumentsLive()
  live() {
    return { status: 'ok' };
  }

  /** The process is ready. `degraded` names what does not work meanwhile; 503 names what is missing. */
  @Get('ready')
  @DocumentsReady()
  async ready() {
    const missing = await this.readiness.missing();
    if (missing.length > 0) throw new ServiceUnavailableException({ code: 'not_ready', message: missing.join('; ') });
    const degraded = await this.readiness.degraded();
    return { status: 'ok', ...(degraded.length > 0 && { degraded }) };
  }
}
