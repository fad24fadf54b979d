import { partnerApi } from './partner-api/partner-api.dialect.js';
import { projectApi } from './project-api/project-api.dialect.js';
import { zkevmApi } from './zkevm-api/zkevm-api.dialect.js';

/** The dialects of this library, in the order of their routes. Everything else about one is in its folder. */
export const builtInDialects = [projectApi, partnerApi, zkevmApi] as const;
