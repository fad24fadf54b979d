import { All, Controller, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { ConsoleFilter } from './console.filter.js';
import { notFound } from './console.errors.js';
import { WILDCARD } from './shell/mount-path.js';
import { OwnPage } from './session/own-page.js';
import { PersonGuard } from './session/person.guard.js';

/** What no endpoint takes. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage, PersonGuard)
export class ApiFallbackController {
  @All(`*${WILDCARD}`)
  refuse(): never {
    throw notFound();
  }
}
