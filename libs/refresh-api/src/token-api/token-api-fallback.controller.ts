import { fallbackController } from '../fallback-controller.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';

export const TokenApiFallbackController = fallbackController('TokenApiFallbackController', ProjectApiFilter, {
  methods: {
    metadata: 'GET',
    traits: 'GET',
    'tokens/:token_id': 'GET',
    'tokens/:token_id/attempts': 'GET',
    'tokens/:token_id/versions': 'GET',
    'tokens/:token_id/versions/:version': 'GET',
    'tokens/:token_id/versions/:version/diff': 'GET',
    'tokens/:token_id/versions/:version/restore': 'POST',
    'tokens/:token_id/hold': 'DELETE',
  },
  unknownPaths: ['metadata/*path', 'traits/*path', 'tokens/*path'],
});
