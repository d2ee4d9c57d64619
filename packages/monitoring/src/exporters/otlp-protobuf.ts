/**
 * OTLP's binary form of the same documents that its JSON form has. Only the fields that this package sends are listed;
 * the numbers are those of opentelemetry-proto 1.x, which promises to keep them.
 */
type Scalar =
  'string' | 'hex' | 'bool' | 'double' | 'fixed32' | 'fixed64' | 'int64' | 'varint' | 'fixed64s' | 'doubles';
type Field = readonly [number: number, type: Scalar | (() => Message)];
type Message = Readonly<Record<string, Field>>;

const anyValue: Message = {
  stringValue: [1, 'string'],
  boolValue: [2, 'bool'],
  intValue: [3, 'int64'],
  doubleValue: [4, 'double'],
  arrayValue: [5, () => ({ values: [1, () => anyValue] })],
  kvlistValue: [6, () => ({ values: [1, () => keyValue] })],
};
const keyValue: Message = { key: [1, 'string'], value: [2, () => anyValue] };
const resource: Message = { attributes: [1, () => keyValue] };
const scope: Message = { name: [1, 'string'], version: [2, 'string'] };
const status: Message = { message: [2, 'string'], code: [3, 'varint'] };
const exemplar: Message = {
  timeUnixNano: [2, 'fixed64'],
  asDouble: [3, 'double'],
  spanId: [4, 'hex'],
  traceId: [5, 'hex'],
};
const span: Message = {
  traceId: [1, 'hex'],
  spanId: [2, 'hex'],
  traceState: [3, 'string'],
  parentSpanId: [4, 'hex'],
  name: [5, 'string'],
  kind: [6, 'varint'],
  startTimeUnixNano: [7, 'fixed64'],
  endTimeUnixNano: [8, 'fixed64'],
  attributes: [9, () => keyValue],
  status: [15, () => status],
  flags: [16, 'fixed32'],
};
const numberPoint: Message = {
  startTimeUnixNano: [2, 'fixed64'],
  timeUnixNano: [3, 'fixed64'],
  asDouble: [4, 'double'],
  asInt: [6, 'fixed64'],
  attributes: [7, () => keyValue],
};
const histogramPoint: Message = {
  startTimeUnixNano: [2, 'fixed64'],
  timeUnixNano: [3, 'fixed64'],
  count: [4, 'fixed64'],
  sum: [5, 'double'],
  bucketCounts: [6, 'fixed64s'],
  explicitBounds: [7, 'doubles'],
  exemplars: [8, () => exemplar],
  attributes: [9, () => keyValue],
};
const metric: Message = {
  name: [1, 'string'],
  description: [2, 'string'],
  unit: [3, 'string'],
  gauge: [5, () => ({ dataPoints: [1, () => numberPoint] })],
  sum: [
    7,
    () => ({ dataPoints: [1, () => numberPoint], aggregationTemporality: [2, 'varint'], isMonotonic: [3, 'bool'] }),
  ],
  histogram: [9, () => ({ dataPoints: [1, () => histogramPoint], aggregationTemporality: [2, 'varint'] })],
};
const logRecord: Message = {
  timeUnixNano: [1, 'fixed64'],
  severityNumber: [2, 'varint'],
  severityText: [3, 'string'],
  body: [5, () => anyValue],
  attributes: [6, () => keyValue],
  flags: [8, 'fixed32'],
  traceId: [9, 'hex'],
  spanId: [10, 'hex'],
  observedTimeUnixNano: [11, 'fixed64'],
};

/** Request, resource and scope have the same shape for each signal; only the names and the leaf differ. */
const envelope = (resources: string, scopes: string, leaves: string, leaf: Message): Message => ({
  [resources]: [
    1,
    () => ({
      resource: [1, () => resource],
      [scopes]: [2, () => ({ scope: [1, () => scope], [leaves]: [2, () => leaf] })],
    }),
  ],
});

const REQUESTS = {
  traces: envelope('resourceSpans', 'scopeSpans', 'spans', span),
  metrics: envelope('resourceMetrics', 'scopeMetrics', 'metrics', metric),
  logs: envelope('resourceLogs', 'scopeLogs', 'logRecords', logRecord),
};

/** The body of an export request in binary form, from its JSON form. Throws a TypeError for a field that is not listed above: it would be lost. */
export function encodeProtobuf(signal: keyof typeof REQUESTS, document: object): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.concat(messageParts(REQUESTS[signal], document)));
}

const VARINT = 0;
const EIGHT_BYTES = 1;
const LENGTH = 2;
const FOUR_BYTES = 5;

function messageParts(message: Message, document: object): Buffer[] {
  const parts: Buffer[] = [];
  for (const [name, value] of Object.entries(document) as [string, unknown][]) {
    if (value === undefined) continue;
    const field = message[name];
    if (field === undefined) throw new TypeError(`OTLP has no field ${name} that could be encoded`);
    const [number, type] = field;
    if (typeof type !== 'string') {
      for (const one of Array.isArray(value) ? (value as object[]) : [value as object])
        parts.push(...delimited(number, Buffer.concat(messageParts(type(), one))));
    } else {
      parts.push(...scalarParts(number, type, value));
    }
  }
  return parts;
}

function scalarParts(number: number, type: Scalar, value: unknown): Buffer[] {
  switch (type) {
    case 'string':
      return delimited(number, Buffer.from(String(value), 'utf8'));
    case 'hex':
      return delimited(number, Buffer.from(String(value), 'hex'));
    case 'bool':
      return [tag(number, VARINT), varint(value === true ? 1n : 0n)];
    case 'varint':
    case 'int64':
      return [tag(number, VARINT), varint(BigInt.asUintN(64, BigInt(value as string | number)))];
    case 'double':
      return [tag(number, EIGHT_BYTES), doubles([value as number])];
    case 'fixed32':
      return [tag(number, FOUR_BYTES), Buffer.from(Uint32Array.of(value as number).buffer)];
    case 'fixed64':
      return [tag(number, EIGHT_BYTES), fixed64s([value as string])];
    case 'fixed64s':
      return delimited(number, fixed64s(value as string[]));
    case 'doubles':
      return delimited(number, doubles(value as number[]));
  }
}

function delimited(number: number, content: Buffer): Buffer[] {
  return [tag(number, LENGTH), varint(BigInt(content.length)), content];
}

function tag(number: number, wireType: number): Buffer {
  return varint(BigInt((number << 3) | wireType));
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let left = value;
  while (left > 127n) {
    bytes.push(Number(left & 127n) | 128);
    left >>= 7n;
  }
  bytes.push(Number(left));
  return Buffer.from(bytes);
}

function fixed64s(values: readonly string[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, place) => bytes.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), place * 8));
  return bytes;
}

function doubles(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 8);
  values.forEach((value, place) => bytes.writeDoubleLE(value, place * 8));
  return bytes;
}
