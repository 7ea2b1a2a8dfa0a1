/**
 * Rule for one message of the file, called while it is read. Fields arrive in file order, which may be any, so most checks are made in
 * `end`. Fields without a callback are skipped.
 */
export interface MessageRule {
  /** An integer: exact up to 2^53, rounded beyond. */
  number?(field: string, value: number): void;
  /** Number of further scalars, whose values are not kept. */
  count?(field: string, values: number): void;
  text?(field: string, value: string): void;
  /** Length of a byte field, which is not kept. Called before the bytes arrive. */
  bytes?(field: string, length: number): void;
  /** Returns the rule for an embedded message. */
  enter?(field: string): MessageRule | undefined;
  end?(): void;
}
