import { setImmediate as nextTurn } from 'node:timers/promises';

let lastTurn = Promise.resolve();

/**
 * Resolves in a later turn of the event loop, one caller per turn for the whole process, so that requests are served between the pieces of
 * long work.
 */
export function yieldToEventLoop(): Promise<void> {
  lastTurn = lastTurn.then(() => nextTurn());
  return lastTurn;
}
