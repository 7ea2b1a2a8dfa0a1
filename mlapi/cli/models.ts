import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../configuration.ts';
import { ModelRegistry } from '../inference/model-registry.ts';
import { Predictor } from '../inference/serving/predictor.ts';
import { onlyWord, print, type Command } from '../commands/command.ts';

export const modelCommands: Readonly<Record<string, Command>> = {
  'models list': {
    usage: 'models list',
    help: 'list the models of the folders',
    run: async () => {
      const predictors = await ModelRegistry.load(readConfig());
      for (const predictor of predictors.list()) {
        const { name, version, features, description } = predictor.contract;
        print(
          [name, version, features.length === 0 ? 'tensors' : `${features.length} features`, description].join('\t'),
        );
      }
      await predictors.release();
    },
  },
  'models check': {
    usage: 'models check FOLDER',
    help: 'load a model folder, predict its sample row, and show the response and the row-wise verdict',
    run: async (given) => {
      const folder = onlyWord(given, 'folder');
      const predictor = await Predictor.load(folder, readConfig());
      const { sampleResponse } = predictor;
      print(sampleResponse === undefined ? 'it takes tensors, and computes' : JSON.stringify(sampleResponse));
      // A regressor's values would be truncated without notice.
      if (sampleResponse !== undefined && !existsSync(join(folder, 'model.json')))
        process.stderr.write(
          'No model.json: predictions are treated as class indices. For a regressor, add one with output.kind = "values".\n',
        );
      const { rowWise, rowWiseReason } = predictor.verdict;
      process.stderr.write(`row-wise: ${rowWise}${rowWiseReason === undefined ? '' : `, ${rowWiseReason}`}\n`);
      await predictor.release();
    },
  },
};
