/** The parts of OTLP's JSON encoding that metrics and spans share: 64-bit numbers are strings, attributes a list. */
export type AttributeValue =
  { stringValue: string } | { intValue: string } | { doubleValue: number } | { boolValue: boolean };
export interface Attribute {
  key: string;
  value: AttributeValue;
}

export function attributes(fields: Record<string, string | number | boolean | undefined>): Attribute[] {
  const list: Attribute[] = [];
  for (const [key, field] of Object.entries(fields)) {
    if (field === undefined) continue;
    list.push({ key, value: attributeValue(field) });
  }
  return list;
}

function attributeValue(field: string | number | boolean): AttributeValue {
  if (typeof field === 'string') return { stringValue: field };
  if (typeof field === 'boolean') return { boolValue: field };
  return Number.isInteger(field) ? { intValue: String(field) } : { doubleValue: field };
}

/** Milliseconds since 1970 as the nanoseconds that OTLP wants, exact to the microsecond. */
export function nanoseconds(wallMs: number): string {
  return (BigInt(Math.round(wallMs * 1000)) * 1000n).toString();
}

export interface Resource {
  attributes: Attribute[];
}

export function resourceOf(serviceName: string, instanceId: string): Resource {
  return { attributes: attributes({ 'service.name': serviceName, 'service.instance.id': instanceId }) };
}

export const SCOPE = Object.freeze({ name: '@dunlin/monitoring' });
