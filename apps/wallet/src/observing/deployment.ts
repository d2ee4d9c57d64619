import type { Logger, PerformanceMonitoringService } from '@dunlin/monitoring';

/** The version of this program; a test keeps it equal to package.json's. */
export const walletVersion = '0.1.0';

/** The version that runs, and what its operators call the deployment. */
export function deploymentName(deployId: string | undefined): string {
  return deployId === undefined ? walletVersion : `${walletVersion} (${deployId})`;
}

/** Tells the monitor what runs here, so that an alert soon after shows it. No reason not to start when it cannot be kept. */
export async function tellDeployment(
  monitor: PerformanceMonitoringService,
  name: string,
  logger: Logger,
): Promise<void> {
  try {
    if (await monitor.noteVersion(name)) logger.info({ version: name }, 'another version than before runs');
  } catch (error) {
    logger.warn({ error: String(error) }, 'the deployment could not be noted');
  }
}
