import { expect } from 'vitest';
import type { HttpClient, Json } from './client.js';

export interface Parameter {
  name: string;
  in: 'path' | 'query' | 'header' | 'cookie';
  required?: boolean;
  schema: Json;
}

export interface Operation {
  method: string;
  /** As in the document, with `{name}` for parameters. */
  path: string;
  summary?: string;
  tags?: string[];
  security?: Json[];
  parameters: Parameter[];
  bodySchema: Json | undefined;
  responses: Record<string, Json>;
}

interface Document {
  openapi: string;
  info: Json;
  paths: Record<string, Record<string, Json>>;
  components?: { schemas?: Record<string, Json>; securitySchemes?: Json };
}

export async function readDocument(http: HttpClient): Promise<Document> {
  const answer = await http.get<Document & Json>('/docs/json');
  expect(answer.status).toBe(200);
  return answer.body;
}

/** Every operation of the document, its references resolved. */
export function operationsOf(document: Document): Operation[] {
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, given]) => {
      const body = given['requestBody'] as { content?: Record<string, { schema?: Json }> } | undefined;
      const schema = body?.content?.['application/json']?.schema;
      return {
        ...(given as Pick<Operation, 'summary' | 'tags' | 'security' | 'responses'>),
        method: method.toUpperCase(),
        path,
        parameters: ((given['parameters'] ?? []) as Parameter[]).map((one) => ({ ...one, schema: one.schema ?? {} })),
        bodySchema: schema === undefined ? undefined : resolve(document, schema),
      };
    }),
  );
}

function resolve(document: Document, schema: Json): Json {
  const reference = schema['$ref'];
  if (typeof reference !== 'string') return schema;
  const found = document.components?.schemas?.[reference.split('/').at(-1) ?? ''];
  if (found === undefined) throw new Error(`The document has nothing at ${reference}`);
  return found;
}
