import { fallbackController } from '../fallback-controller.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';

export const TokenApiFallbackController = fallbackController('TokenApiFallbackController', ProjectApiFilter, {
  methods: {
    traits: 'GET',
    'tokens/:token_id': 'GET',
    'tokens/:token_id/attempts': 'GET',
    'tokens/:token_id/versions': 'GET',
    'tokens/:token_id/versions/:version': 'GET',
    'tokens/:token_id/versions/:version/diff': 'GET',
  },
  unknownPaths: ['traits/*path', 'tokens/*path'],
});
