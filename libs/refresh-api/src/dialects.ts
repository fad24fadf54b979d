import { partnerApi } from './partner-api/partner-api.dialect.js';
import { projectApi } from './project-api/project-api.dialect.js';
import { zkevmApi } from './zkevm-api/zkevm-api.dialect.js';

/** The dialects of this library, in the order of their routes. Their options are listed in refresh-api.options.ts; all else is in their folders. */
export const builtInDialects = [projectApi, partnerApi, zkevmApi] as const;
