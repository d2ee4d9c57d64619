/** The parts of OTLP's JSON encoding that all signals share: 64-bit numbers are strings, attributes a list. */
export type AttributeValue =
  | { stringValue: string }
  | { intValue: string }
  | { doubleValue: number }
  | { boolValue: boolean }
  | { arrayValue: { values: AttributeValue[] } }
  | { kvlistValue: { values: Attribute[] } };
export interface Attribute {
  key: string;
  value: AttributeValue;
}

/** Deeper than this a structure is told as text. */
const MAX_DEPTH = 4;

export function attributes(fields: Readonly<Record<string, unknown>>, depth = 0): Attribute[] {
  const list: Attribute[] = [];
  for (const [key, field] of Object.entries(fields)) {
    if (field === undefined || field === null) continue;
    list.push({ key, value: attributeValue(field, depth) });
  }
  return list;
}

function attributeValue(field: unknown, depth: number): AttributeValue {
  switch (typeof field) {
    case 'string':
      return { stringValue: field };
    case 'boolean':
      return { boolValue: field };
    case 'number':
      return Number.isSafeInteger(field) ? { intValue: String(field) } : { doubleValue: field };
    case 'object':
      if (field === null || depth >= MAX_DEPTH) return { stringValue: JSON.stringify(field) };
      if (Array.isArray(field)) return { arrayValue: { values: field.map((one) => attributeValue(one, depth + 1)) } };
      return { kvlistValue: { values: attributes(field as Record<string, unknown>, depth + 1) } };
    default:
      return { stringValue: String(field) };
  }
}

/** Milliseconds since 1970 as the nanoseconds that OTLP wants, exact to the microsecond. */
export function nanoseconds(wallMs: number): string {
  return (BigInt(Math.round(wallMs * 1000)) * 1000n).toString();
}

export interface Resource {
  attributes: Attribute[];
}

export function resourceOf(fields: Readonly<Record<string, string>>): Resource {
  return { attributes: attributes(fields) };
}

export const SCOPE = Object.freeze({ name: '@dunlin/monitoring' });
