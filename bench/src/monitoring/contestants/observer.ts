/** Something that takes durations one by one. */
export interface Observer {
  /** Takes one duration in milliseconds. */
  observe(ms: number): void;
  /** The values at these shares (0.95, 0.99) in milliseconds; absent where it can tell none. */
  quantiles?(shares: readonly number[]): number[] | Promise<number[]>;
}

/** Makes an empty one. Asked many times where the memory of many is measured. */
export type MakeObserver = () => Observer;
