/** A handler of this process has the same consumer name and type: each would receive a part of the events. */
export class ConsumerNameTaken extends Error {
  override readonly name = 'ConsumerNameTaken';
  constructor(
    readonly consumer: string,
    readonly type: string,
  ) {
    super(`Consumer ${JSON.stringify(consumer)} already handles ${type}. Choose another consumer name.`);
  }
}

/** A consumer's name is 1 to 100 letters, digits, hyphens, underscores and dots. */
export class InvalidConsumerName extends Error {
  override readonly name = 'InvalidConsumerName';
  constructor(readonly consumer: string) {
    super(`Consumer name ${JSON.stringify(consumer)} is not 1 to 100 letters, digits, "-", "_" and ".".`);
  }
}

/** The triggers of a consumer are none, or one is unknown: it would never be called. */
export class InvalidTriggers extends Error {
  override readonly name = 'InvalidTriggers';
  constructor(
    readonly consumer: string,
    mistake: string,
  ) {
    super(`Triggers of consumer ${JSON.stringify(consumer)}: ${mistake}.`);
  }
}

/** The URL, the event types or the triggers of a webhook are invalid; the message says why. */
export class InvalidWebhook extends Error {
  override readonly name = 'InvalidWebhook';
}

/** The project already has the maximum number of webhooks. */
export class WebhookLimitReached extends Error {
  override readonly name = 'WebhookLimitReached';
  constructor(readonly limit: number) {
    super(`The project already has ${limit} webhooks, the maximum.`);
  }
}

/** This process is still sending a test message to the webhook. */
export class WebhookTestRunning extends Error {
  override readonly name = 'WebhookTestRunning';
  constructor(readonly webhookId: string) {
    super(`A test message to webhook ${webhookId} is still being sent. Try again when it has ended.`);
  }
}

/** The webhook does not exist. */
export class WebhookNotFound extends Error {
  override readonly name = 'WebhookNotFound';
  constructor(readonly webhookId: string) {
    super(`Webhook ${JSON.stringify(webhookId)} does not exist.`);
  }
}
