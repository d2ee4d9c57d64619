import { Ajv, type Options } from 'ajv';
import addFormats from 'ajv-formats';
import type { FastifyInstance } from 'fastify';
import { isMoment, momentFormat } from './moments.js';

/**
 * How requests are checked. Bodies are taken at their word: a number is not a string, an unknown field is an error, and nothing is
 * dropped or filled in behind the client's back. What comes in a URL is text by nature, so numbers and booleans are read from it.
 */
export function installValidation(app: FastifyInstance): void {
  const body = withFormats({ coerceTypes: false });
  const url = withFormats({ coerceTypes: true });
  app.setValidatorCompiler(({ schema, httpPart }) => (httpPart === 'body' ? body : url).compile(schema as object));
}

function withFormats(options: Options): Ajv {
  const ajv = new Ajv({ allErrors: true, useDefaults: true, removeAdditional: false, strict: false, ...options });
  // The package is CommonJS; its default export is the function, one level down for the type checker only.
  (addFormats as unknown as (ajv: Ajv) => void)(ajv);
  ajv.addFormat(momentFormat, isMoment);
  // The package's own `uuid` lets a `urn:uuid:` pass in front, which the database does not read.
  ajv.addFormat('uuid', /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i);
  return ajv;
}
