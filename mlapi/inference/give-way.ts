/*
 * Imported before all else by the programs of child processes. Their parent sets their priority, too, but behind a wall of namespaces
 * it may come too late: what it started begins the program in another process.
 */
import { constants, setPriority } from 'node:os';

try {
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
} catch {
  // A sandbox may forbid it; it works without.
}
