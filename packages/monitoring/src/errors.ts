/** One part of an input that cannot be used: where it stands and what is wrong with it. */
export interface InvalidInput {
  path: string;
  message: string;
}

/** The caller gave an option or an input that cannot be used. Nothing was changed. */
export class MonitoringInputError extends Error {
  override readonly name = 'MonitoringInputError';
  readonly code = 'monitoring_invalid_input';
  readonly errors: readonly InvalidInput[];

  constructor(errors: readonly InvalidInput[]) {
    super(errors.map((part) => `${part.path}: ${part.message}`).join('; '));
    this.errors = errors;
  }
}

/** The store of alerts and thresholds could not be reached or refused; `cause` tells why. What was asked for did not happen. */
export class MonitoringStoreError extends Error {
  override readonly name = 'MonitoringStoreError';
  readonly code = 'monitoring_store_unavailable';

  constructor(operation: string, cause: unknown) {
    super(`the monitoring store failed during "${operation}"`, { cause });
  }
}

/** A channel could not hand over a notification. `permanent` means that trying again cannot help. The message holds no address and no secret. */
export class ChannelDeliveryError extends Error {
  override readonly name = 'ChannelDeliveryError';
  readonly code = 'monitoring_channel_delivery';
  readonly permanent: boolean;

  constructor(message: string, options: { permanent: boolean }) {
    super(message);
    this.permanent = options.permanent;
  }
}
