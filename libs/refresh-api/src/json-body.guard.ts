import { Injectable, UnsupportedMediaTypeException, type CanActivate, type ExecutionContext } from '@nestjs/common';

/** Refuses a body that is not declared as JSON, even if a parser of the host application has read it. */
@Injectable()
export class JsonBodyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{ headers: Record<string, string | undefined> }>();
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    const mediaType = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
    if (!hasBody || mediaType === 'application/json') return true;
    throw new UnsupportedMediaTypeException(
      `The body must be JSON, sent with "Content-Type: application/json"; it was sent ${mediaType ? `as ${JSON.stringify(mediaType)}` : 'without a content type'}.`,
    );
  }
}
