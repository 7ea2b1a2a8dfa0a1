/**
 * What is asked of one message of the file, told while it is read: fields come in the order of the file, which may be
 * any, so most questions are answered at the end. Whatever a rule leaves out is passed over.
 */
export interface MessageRule {
  /** An integer: exact up to 2^53, rounded beyond. */
  number?(field: string, value: number): void;
  /** Scalars that are not kept: how many more of them there are. */
  count?(field: string, values: number): void;
  text?(field: string, value: string): void;
  /** Bytes that are not kept: how many. They have yet to come. */
  bytes?(field: string, length: number): void;
  /** The rule of a message inside this one. */
  enter?(field: string): MessageRule | undefined;
  end?(): void;
}
