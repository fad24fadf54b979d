import { fallbackController } from '../fallback-controller.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';

export const RevealApiFallbackController = fallbackController('RevealApiFallbackController', ProjectApiFilter, {
  methods: {
    '': 'GET, POST',
    ':reveal_id': 'GET',
    ':reveal_id/traits': 'GET',
    ':reveal_id/lint': 'GET',
    ':reveal_id/tokens': 'GET',
    ':reveal_id/tokens/:token_id': 'GET',
    ':reveal_id/publish': 'POST',
    ':reveal_id/revert': 'POST',
    ':reveal_id/cancel': 'POST',
  },
  unknownPaths: ['*path'],
});
