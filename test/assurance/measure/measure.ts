import { sendHostile, type HostileRun } from './hostile-uploads.ts';
import { firstPredictions, measureStarts, registerModels, type Starts } from './many-models.ts';
import { Served } from './served.ts';

export interface MeasureOptions {
  /** The number of hostile uploads. */
  readonly uploads: number;
  readonly warmUp: number;
  /** The number of registered models. */
  readonly models: number;
  /** Starts without models, and as many with them. */
  readonly starts: number;
  /** Idle time before memory is read: V8 gives unused memory back within half a minute. */
  readonly settleMs: number;
  /** The same after a start, which needs ten seconds. */
  readonly startSettleMs: number;
  /** Models that are uploaded one after the other, each followed by a prediction. */
  readonly predictions: number;
  readonly say: (line: string) => void;
}

/** All results of one run. */
export interface Measured {
  readonly hostile: HostileRun;
  /** Upload and first prediction together, in ms. */
  readonly firstPredictionsMs: readonly number[];
  readonly models: number;
  readonly registeringSeconds: number;
  readonly starts: { readonly without: Starts; readonly with: Starts };
}

/** Measures the model store of the compiled service, one scenario after the other. */
export async function measure(options: MeasureOptions): Promise<Measured> {
  const { uploads, warmUp, models, starts, settleMs, startSettleMs, predictions, say } = options;
  const attacked = new Served();
  say(`${warmUp} and ${uploads} hostile uploads`);
  await attacked.start();
  const hostile = await sendHostile(attacked, { uploads, warmUp, settleMs });
  say('first predictions of new models');
  const firstPredictionsMs = await firstPredictions(attacked, predictions);
  await attacked.stop();

  const crowded = attacked.beside();
  say(`${starts} starts without models`);
  const without = await measureStarts(crowded, starts, startSettleMs);
  say(`${models} models`);
  await crowded.start();
  const registeringSeconds = await registerModels(crowded, models);
  await crowded.stop();
  say(`${starts} starts with them`);
  const withModels = await measureStarts(crowded, starts, startSettleMs);
  return { hostile, firstPredictionsMs, models, registeringSeconds, starts: { without, with: withModels } };
}
