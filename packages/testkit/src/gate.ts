/** A place in a test where code waits until the test lets it go on. */
export interface Gate {
  /** Called by the code under test: says that it is here, and waits for `open`. */
  arrive(): Promise<void>;
  /** Resolves when somebody has arrived for the first time. */
  readonly arrived: Promise<void>;
  /** Lets everybody through, now and from now on. */
  open(): void;
}

/** A closed gate. */
export function gate(): Gate {
  const arrived = latch();
  const opened = latch();
  return {
    arrived: arrived.settled,
    arrive() {
      arrived.settle();
      return opened.settled;
    },
    open: () => opened.settle(),
  };
}

function latch(): { settled: Promise<void>; settle: () => void } {
  let settle: () => void = () => undefined;
  const settled = new Promise<void>((resolve) => (settle = resolve));
  return { settled, settle };
}
