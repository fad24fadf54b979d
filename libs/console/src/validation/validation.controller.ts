import { BoundedReads, MetadataRefreshService } from '@app/metadata-refresh';
import { asRefreshingProject } from '@app/refresh-api';
import { Body, Controller, Post, Req, Res, UseFilters, UseGuards } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Actions, type WantedAction } from '../actions.js';
import { CollectionViews } from '../collections/collection-views.js';
import { ConsoleFilter } from '../console.filter.js';
import type { HttpRequest, HttpResponse } from '../http.js';
import { Names } from '../names.js';
import type { Person } from '../person.js';
import { Responder } from '../responder.js';
import { OwnPage } from '../session/own-page.js';
import { CurrentPerson, PersonGuard } from '../session/person.guard.js';
import { validationRequestSchema } from '../wire/validation.schema.js';
import { toValidation } from './validation.presenter.js';

/** What a refresh of some tokens would do now. It requests their metadata host, so it is an action; nothing else is stored. */
@ApiExcludeController()
@Controller()
@UseFilters(ConsoleFilter)
@UseGuards(OwnPage, PersonGuard)
export class ValidationController {
  constructor(
    private readonly collections: CollectionViews,
    private readonly refreshes: MetadataRefreshService,
    private readonly names: Names,
    private readonly reads: BoundedReads,
    private readonly actions: Actions,
    private readonly responder: Responder,
  ) {}

  @Post()
  async validate(
    @CurrentPerson() person: Person,
    @Body() body: unknown,
    @Req() request: HttpRequest,
    @Res() response: HttpResponse,
  ): Promise<void> {
    const given = validationRequestSchema.safeParse(body).data;
    const wanted: WantedAction = { person, action: 'collection.validate', target: given?.collectionId ?? '' };
    const result = await this.actions.run(wanted, async () => {
      const { collectionId, tokenIds } = validationRequestSchema.parse(body);
      const collection = await this.collections.get(person, collectionId);
      wanted.projectId = collection.projectId;
      wanted.target = `${collection.chainId}/${collection.address}`;
      if (person.kind === 'operator') {
        return { collection, quota: null, ...(await this.refreshes.validateCollection(collection, tokenIds)) };
      }
      const { address: collectionAddress, chainId } = collection;
      const project = asRefreshingProject(person.project);
      return { collection, ...(await this.refreshes.validate(project, { collectionAddress, chainId, tokenIds })) };
    });
    const validation = await this.actions.show(() =>
      this.reads.run(async (now) =>
        toValidation(result, {
          now,
          collection: await this.names.ofCollection(result.collection),
          quota: result.quota,
        }),
      ),
    );
    this.responder.send(request, response, validation);
  }
}
