/**
 * How long a test waits for another process, a connection or a server: far longer than it ever takes, since a shared machine may stand still
 * for seconds. It bounds how late a failure is told, and no promise. Shorter than a test may last, so that it is this wait that is named.
 */
export const patient = { timeout: 15_000 } as const;

/** A bound of Redis commands that no pause of the machine reaches, for tests in which Redis answers. */
export const patientCommandMs = 10_000;

/** A lease that no pause of the machine ends, for tests in which everybody renews; renewals come as often as they do by default. */
export const patientLease = { leaseMs: 30_000, renewEveryMs: 150 } as const;
