import type { ObservedRun } from '../../mlapi/inference/observer.ts';
import { Predictor } from '../../mlapi/inference/serving/predictor.ts';

// Predicts endlessly with the slow model; prints the executor and the wall-clock seconds of each run.
const observer = {
  ran: ({ executor, runSeconds }: ObservedRun) => console.log(`${executor} ${runSeconds}`),
  shed: () => undefined,
};
const predictor = await Predictor.load(process.argv[2] ?? '', {
  maxRows: 10,
  processes: 1_000,
  predictTimeoutMs: 60_000,
  observer,
});
for (;;) await predictor.predict([[200]]);
