import { createParamDecorator, Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { notSignedIn } from '../console.errors.js';
import type { HttpRequest } from '../http.js';
import type { Person } from '../person.js';
import { People } from './people.js';

/** A symbol, so that no property of the host application has the same name. */
const PERSON = Symbol('ConsolePerson');

type KnownRequest = HttpRequest & { [PERSON]?: Person };

/** Refuses requests of people who are not signed in. */
@Injectable()
export class PersonGuard implements CanActivate {
  constructor(private readonly people: People) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<KnownRequest>();
    const person = await this.people.find(request);
    if (!person) throw notSignedIn();
    request[PERSON] = person;
    return true;
  }
}

/** Who sends the request. Works only on routes with PersonGuard. */
export const CurrentPerson = createParamDecorator((_: unknown, context: ExecutionContext): Person => {
  const person = context.switchToHttp().getRequest<KnownRequest>()[PERSON];
  if (!person) throw new Error('@CurrentPerson() needs PersonGuard on the route.');
  return person;
});
