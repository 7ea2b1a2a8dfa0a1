/** A malformed record, with the index of the faulty cell. */
export class CsvFault extends Error {
  readonly column: number;
  /** Whether only the end is missing, so that more text could complete it. */
  readonly isOpen: boolean;

  constructor(column: number, message: string, isOpen = false) {
    super(message);
    this.name = 'CsvFault';
    this.column = column;
    this.isOpen = isOpen;
  }
}

/** Splits a record into cells (RFC 4180). Spaces are part of a cell. @throws {CsvFault} */
export function splitRecord(text: string): string[] {
  const cells: string[] = [];
  for (let at = 0; ; at += 1) {
    const end = text.charAt(at) === '"' ? endOfQuoted(text, at, cells.length) : endOfBare(text, at);
    const cell = text.slice(at, end);
    cells.push(text.charAt(at) === '"' ? cell.slice(1, -1).replaceAll('""', '"') : checkBare(cell, cells.length));
    if (cell.includes('\0')) throw new CsvFault(cells.length - 1, 'NUL character');
    if (end === text.length) return cells;
    at = end;
  }
}

function endOfBare(text: string, start: number): number {
  const comma = text.indexOf(',', start);
  return comma === -1 ? text.length : comma;
}

/** Returns the index after the closing quote. */
function endOfQuoted(text: string, start: number, column: number): number {
  for (let from = start + 1; ; from += 2) {
    from = text.indexOf('"', from);
    if (from === -1) throw new CsvFault(column, 'unclosed quote', true);
    if (text.charAt(from + 1) === '"') continue;
    if (from + 1 < text.length && text.charAt(from + 1) !== ',')
      throw new CsvFault(column, 'text after the closing quote');
    return from + 1;
  }
}

function checkBare(cell: string, column: number): string {
  if (cell.includes('"')) throw new CsvFault(column, 'quote inside an unquoted cell');
  if (cell.includes('\r')) throw new CsvFault(column, 'carriage return without line feed');
  return cell;
}
