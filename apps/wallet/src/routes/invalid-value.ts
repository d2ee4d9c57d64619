import { amountPattern, largestAmountMinor } from '../ledger/money.js';
import { momentFormat } from './moments.js';
import type { InvalidPart } from './problem.js';
import { textPattern } from './schemas.js';

/** What a validator says of one value. */
export interface SchemaError {
  instancePath: string;
  keyword: string;
  message?: string;
  params: Record<string, unknown>;
}

/** In words what a pattern or a format says to programs only. */
const inWords: Readonly<Record<string, string>> = {
  [amountPattern]: `must be a whole number of minor units from 1 to ${largestAmountMinor}, written as digits alone`,
  [textPattern]: 'has a character that is no text',
  uuid: 'must be a UUID',
  [momentFormat]: 'must be a time such as 2026-01-31T12:00:00.000Z, or a day such as 2026-01-31',
};

/** Says where a value stands and what is wrong with it, as people say it. */
export function invalidPart({ instancePath, keyword, message, params }: SchemaError): InvalidPart {
  switch (keyword) {
    case 'required':
      return { path: `${instancePath}/${String(params['missingProperty'])}`, message: 'is required' };
    case 'additionalProperties':
      return { path: `${instancePath}/${String(params['additionalProperty'])}`, message: 'is not a known field' };
    case 'enum':
      return { path: instancePath, message: `must be one of ${(params['allowedValues'] as unknown[]).join(', ')}` };
    case 'pattern':
    case 'format':
      return { path: instancePath, message: inWords[String(params[keyword])] ?? message ?? 'is invalid' };
    default:
      return { path: instancePath, message: message ?? 'is invalid' };
  }
}
