export { RefreshApiModule } from './refresh-api.module.js';
