import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { InvalidRequest } from './invalid-request.js';
import { unknownInput, type InputKind } from './strict-object.js';

interface Request {
  query?: object;
  body?: unknown;
}

/** For routes without query parameters. Throws InvalidRequest that names the parameters that were sent. */
@Injectable()
export class NoQueryGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    refuse(context.switchToHttp().getRequest<Request>().query, 'a parameter');
    return true;
  }
}

/** For routes without a body. Throws InvalidRequest that names its fields. An empty object counts as no body. */
@Injectable()
export class NoBodyGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { body } = context.switchToHttp().getRequest<Request>();
    if (typeof body === 'object' || body === undefined) refuse(body, 'a field');
    else throw new InvalidRequest('this route takes no body');
    return true;
  }
}

function refuse(input: object | null | undefined, kind: InputKind): void {
  const names = Object.keys(input ?? {});
  if (names.length > 0) throw new InvalidRequest(unknownInput(names, [], kind));
}
