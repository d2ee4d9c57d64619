/** A position in the write-ahead log, `16/B374D848`, as a number of bytes. */
export function parseLsn(text: string): bigint {
  const [high = '', low = ''] = text.split('/');
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

/** True for the name of a segment's file: 24 hexadecimal digits. */
export const isSegmentName = (name: string): boolean => /^[0-9A-F]{24}$/.test(name);

/** True for the name of a timeline's history. */
export const isHistoryName = (name: string): boolean => /^[0-9A-F]{8}\.history$/.test(name);

/**
 * The names of the segments from the one that holds `startLsn` to the one that holds the last byte before `endLsn`, in
 * order. `segmentBytes` is the server's `wal_segment_size`.
 */
export function segmentNames(timeline: number, startLsn: string, endLsn: string, segmentBytes: number): string[] {
  const size = BigInt(segmentBytes);
  const perLog = 2n ** 32n / size;
  const hex = (value: bigint): string => value.toString(16).toUpperCase().padStart(8, '0');
  const names: string[] = [];
  for (let segment = parseLsn(startLsn) / size; segment <= (parseLsn(endLsn) - 1n) / size; segment += 1n) {
    names.push(`${hex(BigInt(timeline))}${hex(segment / perLog)}${hex(segment % perLog)}`);
  }
  return names;
}
