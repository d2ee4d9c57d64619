/** Of the specification (W3C Trace Context, level 2). */
const MOST_MEMBERS = 32;
/** What everybody has to pass on; more is cut down, since the header is a stranger's and is kept with the trace. */
const KEPT_CHARACTERS = 512;
/** These go first where a list is too long. */
const LARGE_MEMBER = 128;

const MEMBER = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const BLANKS_AROUND = /^[ \t]+|[ \t]+$/g;

/**
 * The `tracestate` to pass on unchanged beside `traceparent`: the members of all its headers in their order, without the
 * blanks around them and without empty ones. Undefined when nothing is left, or when a member is malformed or there are
 * more than 32: then the whole list is dropped, as the specification asks. A list of over 512 characters loses its members of
 * over 128, then its last ones, until it fits. What a caller may do with it is decided by `traceparent`: without a valid one there is none.
 */
export function parseTraceState(headers: readonly string[]): string | undefined {
  const members = headers
    .flatMap((header) => header.split(','))
    .map((member) => member.replace(BLANKS_AROUND, ''))
    .filter((member) => member !== '');
  if (members.length === 0 || members.length > MOST_MEMBERS) return undefined;
  if (!members.every((member) => MEMBER.test(member))) return undefined;
  return fitting(members);
}

function fitting(members: readonly string[]): string | undefined {
  const whole = members.join(',');
  if (whole.length <= KEPT_CHARACTERS) return whole;
  let kept = members;
  while (kept.join(',').length > KEPT_CHARACTERS) {
    const large = kept.findLastIndex((member) => member.length > LARGE_MEMBER);
    kept = kept.toSpliced(large === -1 ? kept.length - 1 : large, 1);
  }
  return kept.length === 0 ? undefined : kept.join(',');
}
