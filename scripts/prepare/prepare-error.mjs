/** The clone cannot be made ready; the message is for whoever started it. */
export class PrepareError extends Error {}
