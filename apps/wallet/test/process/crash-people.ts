import type { Device } from '../support/device.js';

export interface Person {
  id: string;
  token: string;
}

/** Somebody with a device, who can pass tokens on without a network. */
export interface Holder extends Person {
  device: Device;
}
