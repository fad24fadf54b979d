import type { RefreshingProject } from '@app/metadata-refresh';
import type { CallingProject } from '@app/project-auth';

/** The caller, as far as refreshing needs to know. Here the two libs' words for a project meet. */
export function asRefreshingProject({
  id,
  tokensPerRequest = null,
  tokensPerHour = null,
}: CallingProject): RefreshingProject {
  return { id, tokensPerRequest, tokensPerHour };
}
