/** One event as a server sends it. */
export interface StreamEvent {
  event: string;
  data: string;
}

/**
 * Takes server-sent events apart as they arrive, in pieces of any size (WHATWG HTML, "Interpreting an event stream").
 * Comments and fields other than `event` and `data` are passed over.
 */
export class EventStreamParser {
  #rest = '';
  #event = '';
  #data: string[] = [];

  push(text: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    // A carriage return at the end may be half of a line end whose other half is still to come.
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') this.#dispatch(events);
      else this.#field(line);
    }
    return events;
  }

  #field(line: string): void {
    const colon = line.indexOf(':');
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (name === 'event') this.#event = value;
    else if (name === 'data') this.#data.push(value);
  }

  #dispatch(events: StreamEvent[]): void {
    if (this.#data.length > 0) events.push({ event: this.#event || 'message', data: this.#data.join('\n') });
    this.#event = '';
    this.#data = [];
  }
}
