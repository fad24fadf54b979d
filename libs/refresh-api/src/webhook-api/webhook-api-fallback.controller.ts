import { fallbackController } from '../fallback-controller.js';
import { WebhookApiFilter } from './webhook-api.filter.js';

export const WebhookApiFallbackController = fallbackController('WebhookApiFallbackController', WebhookApiFilter, {
  methods: {
    '': 'GET, POST',
    ':webhook_id': 'GET, PATCH, DELETE',
    ':webhook_id/enable': 'POST',
    ':webhook_id/rotate-secret': 'POST',
    ':webhook_id/test': 'POST',
    ':webhook_id/deliveries': 'GET',
  },
  unknownPaths: ['*path'],
});
