import { fallbackController } from '../fallback-controller.js';
import { ProjectApiFilter } from '../project-api/project-api.filter.js';

export const ValidationApiFallbackController = fallbackController('ValidationApiFallbackController', ProjectApiFilter, {
  methods: { '': 'POST' },
});
