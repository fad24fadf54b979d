import { fallbackController } from '../fallback-controller.js';
import { ProjectApiFilter } from './project-api.filter.js';

export const ProjectApiFallbackController = fallbackController('ProjectApiFallbackController', ProjectApiFilter, {
  methods: {
    '': 'GET, POST',
    ':refresh_id': 'GET',
    ':refresh_id/errors': 'GET',
    ':refresh_id/cancel': 'POST',
    ':refresh_id/pause': 'POST',
    ':refresh_id/resume': 'POST',
    ':refresh_id/retry': 'POST',
    ':refresh_id/tokens': 'GET',
    ':refresh_id/tokens.csv': 'GET',
    ':refresh_id/tokens.ndjson': 'GET',
  },
  unknownPaths: ['*path'],
});

export const LimitsFallbackController = fallbackController('LimitsFallbackController', ProjectApiFilter, {
  methods: { '': 'GET' },
  unknownPaths: ['*path'],
});

export const EstimateFallbackController = fallbackController('EstimateFallbackController', ProjectApiFilter, {
  methods: { '': 'POST' },
});
