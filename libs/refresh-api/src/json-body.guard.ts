import { Injectable, UnsupportedMediaTypeException, type CanActivate, type ExecutionContext } from '@nestjs/common';

/** Refuses a body that is not declared as JSON. Whatever a host's parsers make of it, it is not what the caller meant. */
@Injectable()
export class JsonBodyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    const mediaType = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
    if (!hasBody || mediaType === 'application/json') return true;
    throw new UnsupportedMediaTypeException(
      `The body has to be JSON, sent with "Content-Type: application/json"; it is sent as ${mediaType ? JSON.stringify(mediaType) : 'nothing in particular'}.`,
    );
  }
}
