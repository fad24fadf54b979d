import { Reveals } from '@app/metadata-refresh';
import { CurrentProject, type CallingProject } from '@app/project-auth';
import { Controller, Get, Header, Param, Query, UseFilters, UseGuards } from '@nestjs/common';
import { authenticatedBy } from '../authenticated-by.guard.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';
import { toTraitsBody } from '../token-api/token-api.presenter.js';
import { tokenIdParamSchema } from '../token-ids.schema.js';
import { NoQueryGuard } from '../unexpected-input.guards.js';
import { validatedBy } from '../validated-by.js';
import { revealIdSchema } from './reveal-api.schemas.js';
import {
  DocumentsLint,
  DocumentsRevealToken,
  DocumentsStagedTokens,
  DocumentsStagedTraits,
} from './reveal-preview.documentation.js';
import { toLintBody, toRevealTokenBody, toStagedTokenPage } from './reveal-preview.presenter.js';
import {
  stagedTokensSchema,
  stagedTraitsSchema,
  type StagedTokens,
  type StagedTraits,
} from './reveal-preview.schemas.js';

const RevealId = () => Param('reveal_id', validatedBy(revealIdSchema));

/** A project looks at a reveal before it is published. */
@Controller()
@UseGuards(authenticatedBy('projectApi'))
@UseFilters(ProjectApiFilter)
export class RevealPreviewController {
  constructor(private readonly reveals: Reveals) {}

  @Get(':reveal_id/traits')
  @DocumentsStagedTraits()
  async traits(
    @CurrentProject() project: CallingProject,
    @RevealId() revealId: string,
    @Query(validatedBy(stagedTraitsSchema)) query: StagedTraits,
  ) {
    const { collection, traits } = await this.reveals.listTraits({ revealId, projectId: project.id }, query);
    return toTraitsBody(collection, traits);
  }

  @Get(':reveal_id/lint')
  @UseGuards(NoQueryGuard)
  @DocumentsLint()
  async lint(@CurrentProject() project: CallingProject, @RevealId() revealId: string) {
    return toLintBody(revealId, await this.reveals.lint({ revealId, projectId: project.id }));
  }

  @Get(':reveal_id/tokens')
  @DocumentsStagedTokens()
  async tokens(
    @CurrentProject() project: CallingProject,
    @RevealId() revealId: string,
    @Query(validatedBy(stagedTokensSchema)) query: StagedTokens,
  ) {
    return toStagedTokenPage(await this.reveals.listTokens({ revealId, projectId: project.id }, query));
  }

  @Get(':reveal_id/tokens/:token_id')
  @Header('content-type', 'application/json; charset=utf-8')
  @UseGuards(NoQueryGuard)
  @DocumentsRevealToken()
  async token(
    @CurrentProject() project: CallingProject,
    @RevealId() revealId: string,
    @Param('token_id', validatedBy(tokenIdParamSchema)) tokenId: string,
  ) {
    return toRevealTokenBody(await this.reveals.getToken({ revealId, projectId: project.id }, tokenId));
  }
}
