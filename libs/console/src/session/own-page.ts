import { Inject, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { CONSOLE_CONFIG, type ConsoleConfig } from '../console.options.js';
import { NOT_OUR_PAGE, Refused } from '../console.errors.js';
import { headerOf, type HttpRequest } from '../http.js';

const READING = ['GET', 'HEAD'];

/** Refuses every request that changes something and does not come from a page of the console itself. */
@Injectable()
export class OwnPage implements CanActivate {
  constructor(@Inject(CONSOLE_CONFIG) private readonly config: ConsoleConfig) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<HttpRequest>();
    if (READING.includes(request.method) || this.isOwn(request)) return true;
    throw new Refused(403, 'forbidden', NOT_OUR_PAGE);
  }

  /** Where the browser sees the console. */
  originOf(request: HttpRequest): { domain: string; uri: string } {
    const { publicOrigins } = this.config;
    const sent = headerOf(request, 'origin');
    const uri =
      sent !== undefined && this.isOwnOrigin(sent, request)
        ? sent
        : (publicOrigins[0] ?? `${request.protocol}://${request.host}`);
    return { domain: uri.replace(/^[a-z]+:\/\//, ''), uri };
  }

  private isOwn(request: HttpRequest): boolean {
    const mediaType = headerOf(request, 'content-type')?.split(';', 1)[0]?.trim().toLowerCase();
    if (mediaType !== 'application/json' || headerOf(request, 'x-nft-console') !== '1') return false;
    const site = headerOf(request, 'sec-fetch-site');
    if (site !== undefined) return site === 'same-origin';
    // Browsers from before 2023 send the origin only.
    const origin = headerOf(request, 'origin');
    return origin !== undefined && this.isOwnOrigin(origin, request);
  }

  private isOwnOrigin(origin: string, { host }: HttpRequest): boolean {
    const { publicOrigins } = this.config;
    if (publicOrigins.length > 0) return publicOrigins.includes(origin);
    return (
      host !== undefined && /^https?:\/\//.test(origin) && origin.replace(/^https?:\/\//, '') === host.toLowerCase()
    );
  }
}
