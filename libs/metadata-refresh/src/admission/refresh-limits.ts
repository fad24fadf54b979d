import { Inject, Injectable } from '@nestjs/common';
import { METADATA_REFRESH_CONFIG, type MetadataRefreshConfig } from '../metadata-refresh.options.js';

/** Who asks, as far as refreshing needs to know. */
export interface RefreshingProject {
  id: string;
  /** The wallet of its owner, lower case. Absent or null: none, so it owns no contract. */
  ownerAddress?: string | null;
  /** null, here and in the next two: the deployment's default; 0: none may. */
  tokensPerRequest: number | null;
  tokensPerHour: number | null;
  /** Tokens of one selection. Absent or null: the deployment's default. */
  tokensPerSelection?: number | null;
}

/** The limits of one project. */
export interface EffectiveLimits {
  /** Token ids of one list. */
  tokensPerRequest: number;
  /** Tokens of one selection. */
  tokensPerSelection: number;
  tokensPerHour: number;
}

/** Which limits a project has: its own, or the defaults of the deployment. */
@Injectable()
export class ProjectRefreshLimits {
  constructor(@Inject(METADATA_REFRESH_CONFIG) private readonly config: MetadataRefreshConfig) {}

  of(project: RefreshingProject): EffectiveLimits {
    const tokensPerHour = project.tokensPerHour ?? this.config.tokensPerHour;
    const tokensPerSelection = project.tokensPerSelection ?? this.config.tokensPerSelection ?? tokensPerHour;
    return {
      tokensPerRequest: project.tokensPerRequest ?? this.config.tokensPerRequest,
      tokensPerSelection: Math.min(tokensPerSelection, this.config.maxSelectionTokens),
      tokensPerHour,
    };
  }
}
