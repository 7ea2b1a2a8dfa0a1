/** Whether the rows of a file are CSV, by its name. */
export function isCsv(path: string): boolean {
  return path.toLowerCase().endsWith('.csv');
}
