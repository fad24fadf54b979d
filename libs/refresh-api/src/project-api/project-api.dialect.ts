import { CollectionApiFallbackController } from '../collection-api/collection-api-fallback.controller.js';
import { CollectionsController, COLLECTIONS_PATH } from '../collection-api/collections.controller.js';
import type { BuiltInDialect, DialectMount, SharedExtras } from '../dialect.js';
import { RevealApiFallbackController } from '../reveal-api/reveal-api-fallback.controller.js';
import { RevealPreviewController } from '../reveal-api/reveal-preview.controller.js';
import { REVEALS_PATH, RevealsController } from '../reveal-api/reveals.controller.js';
import { TokenApiFallbackController } from '../token-api/token-api-fallback.controller.js';
import { TokenAttemptsController } from '../token-api/token-attempts.controller.js';
import { TokenRestoreController } from '../token-api/token-restore.controller.js';
import { TokenVersionsController } from '../token-api/token-versions.controller.js';
import { TokensController, TOKENS_PATH } from '../token-api/tokens.controller.js';
import { ValidationApiFallbackController } from '../validation-api/validation-api-fallback.controller.js';
import { VALIDATE_PATH, ValidationController } from '../validation-api/validation.controller.js';
import { WebhookApiFallbackController } from '../webhook-api/webhook-api-fallback.controller.js';
import { WebhookApiFilter } from '../webhook-api/webhook-api.filter.js';
import { WebhooksController, WEBHOOKS_PATH } from '../webhook-api/webhooks.controller.js';
import { LimitsController, LIMITS_PATH } from './limits.controller.js';
import {
  EstimateFallbackController,
  LimitsFallbackController,
  ProjectApiFallbackController,
} from './project-api-fallback.controller.js';
import { ProjectApiController, REFRESHES_PATH } from './project-api.controller.js';
import { ProjectApiFilter } from './project-api.filter.js';
import { projectApiExtras, projectApiOptions, type ProjectApiExtras } from './project-api.options.js';
import { RefreshControlController } from './refresh-control.controller.js';
import { ESTIMATE_PATH, RefreshEstimateController } from './refresh-estimate.controller.js';
import { RefreshTokensController } from './refresh-tokens.controller.js';

/** The wire format of Immutable X, with the folders that extend it. */
export const projectApi = {
  title: 'project API',
  wireFormat: 'Immutable X',
  options: projectApiOptions,
  extras: projectApiExtras,
  filter: ProjectApiFilter,
  providers: [WebhookApiFilter],
  tags: [
    {
      name: 'Project API',
      description: 'Refreshes in the wire format of Immutable X, with a signature of the owner’s wallet or an API key.',
    },
    { name: 'Reveals', description: 'Documents that are fetched ahead, looked at, and shown all at once.' },
    {
      name: 'Tokens',
      description: 'Token records and traits, as listing pages show them, and the attempts to fetch a token.',
    },
    { name: 'Collections', description: 'A project’s own collections and their tokens.' },
    { name: 'Webhooks', description: 'Where a project receives changes and completed refreshes.' },
  ],

  mounts(extras: ProjectApiExtras & SharedExtras): DialectMount[] {
    const { projectApiPath: basePath } = extras;
    if (basePath === false) return [];
    const mounts: Omit<DialectMount, 'basePath'>[] = [
      // First, because a refresh id may be any text.
      { path: ESTIMATE_PATH, controllers: [RefreshEstimateController, EstimateFallbackController] },
      { path: VALIDATE_PATH, controllers: [ValidationController, ValidationApiFallbackController] },
      { path: REFRESHES_PATH, controllers: [ProjectApiController, RefreshControlController, RefreshTokensController] },
      { path: REVEALS_PATH, controllers: [RevealsController, RevealPreviewController, RevealApiFallbackController] },
      { path: LIMITS_PATH, controllers: [LimitsController, LimitsFallbackController] },
    ];
    if (extras.exposeTokenRoutes) {
      mounts.push({
        path: TOKENS_PATH,
        controllers: [
          TokensController,
          TokenVersionsController,
          TokenRestoreController,
          TokenAttemptsController,
          TokenApiFallbackController,
        ],
      });
    }
    if (extras.exposeCollectionRoutes) {
      mounts.push({ path: COLLECTIONS_PATH, controllers: [CollectionsController, CollectionApiFallbackController] });
    }
    if (extras.exposeWebhookRoutes) {
      mounts.push({ path: WEBHOOKS_PATH, controllers: [WebhooksController, WebhookApiFallbackController] });
    }
    // Last, because it takes every path below.
    mounts.push({ path: REFRESHES_PATH, controllers: [ProjectApiFallbackController] });
    return mounts.map((mount) => ({ basePath, ...mount }));
  },

  ownedPath: ({ projectApiPath, ownsProjectApiPath }: ProjectApiExtras) => ownsProjectApiPath && projectApiPath,
} satisfies BuiltInDialect;
