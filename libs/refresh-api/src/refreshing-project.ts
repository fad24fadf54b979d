import type { RefreshingProject } from '@app/metadata-refresh';
import type { CallingProject } from '@app/project-auth';

/** The calling project in the form in which `metadata-refresh` needs it. */
export function asRefreshingProject({
  id,
  ownerAddress,
  tokensPerRequest = null,
  tokensPerHour = null,
  tokensPerSelection = null,
}: CallingProject): RefreshingProject {
  return { id, ownerAddress, tokensPerRequest, tokensPerHour, tokensPerSelection };
}
