import { Type } from '@fastify/type-provider-typebox';

const day = /^\d{4}-\d{2}-\d{2}$/;
const rfc3339 = /^\d{4}-\d{2}-\d{2}[t ]\d{2}:\d{2}:\d{2}(\.\d+)?(z|[+-]\d{2}:\d{2})$/i;
const dayMs = 86_400_000;

/** The name by which schemas ask for what `isMoment` takes. */
export const momentFormat = 'moment';

/** One end of a range of time in a URL. */
export const Moment = (end: 'from' | 'to'): ReturnType<typeof Type.String> =>
  Type.String({
    format: momentFormat,
    description:
      end === 'from'
        ? 'From this moment on (RFC 3339), or from the beginning of this day (UTC)'
        : 'Before this moment (RFC 3339), or up to the end of this day (UTC)',
    examples: ['2026-01-31T12:00:00.000Z', '2026-01-31'],
  });

/**
 * Whether a text is a moment by RFC 3339, or a day such as 2026-01-31. A date that no calendar has is none, nor is a leap second, which
 * JavaScript cannot count.
 */
export function isMoment(text: string): boolean {
  if (!day.test(text) && !rfc3339.test(text)) return false;
  const midnight = new Date(`${text.slice(0, 10)}T00:00:00Z`);
  // A 30th of February is read as a 2nd of March.
  return midnight.toJSON()?.startsWith(text.slice(0, 10)) === true && !/[t ]24/i.test(text) && !isNaN(Date.parse(text));
}

/** The bounds of a range that includes its beginning and not its end; a day alone is there from its first to its last moment. */
export function readRange({ from, to }: { from: string | undefined; to: string | undefined }): {
  from?: Date;
  to?: Date;
} {
  return {
    ...(from === undefined ? {} : { from: new Date(from) }),
    ...(to === undefined ? {} : { to: new Date(Date.parse(to) + (day.test(to) ? dayMs : 0)) }),
  };
}
