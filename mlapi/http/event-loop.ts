import { setImmediate as nextTurn } from 'node:timers/promises';

let lastTurn = Promise.resolve();

/**
 * One turn of the event loop for each who asks, all over this process: however many pieces of long work wait together, others are
 * served between them.
 */
export function yieldToEventLoop(): Promise<void> {
  lastTurn = lastTurn.then(() => nextTurn());
  return lastTurn;
}
