import { cpSync, existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../config/config.ts';
import { Predictor } from '../inference/predictor.ts';
import { Predictors } from '../inference/predictors.ts';
import { onlyWord, print, UsageMistake, type Command } from './command.ts';

export const modelCommands: Readonly<Record<string, Command>> = {
  'models list': {
    usage: 'models list',
    help: 'list the models that would be served',
    run: async () => {
      const predictors = await Predictors.load(readConfig());
      for (const predictor of predictors.list()) {
        const { name, version, features, description } = predictor.contract;
        print([name, version, `${features.length} features`, description].join('\t'));
      }
      await predictors.release();
    },
  },
  'models check': {
    usage: 'models check FOLDER',
    help: 'load a model folder, predict its sample row, and show the answer',
    run: async (given) => {
      const folder = onlyWord(given, 'folder');
      const predictor = await Predictor.load(folder, readConfig());
      print(JSON.stringify(predictor.sampleAnswer));
      // A regressor's values would be cut, and nothing in the answer would say so.
      if (!existsSync(join(folder, 'model.json')))
        process.stderr.write('there is no model.json: what is predicted is taken for the number of a class\n');
      await predictor.release();
    },
  },
  'models add': {
    usage: 'models add FOLDER',
    help: 'check a model folder and copy it to the others; it serves after a restart',
    run: async (given) => {
      const folder = onlyWord(given, 'folder');
      const config = readConfig();
      const { modelsDir } = config;
      const predictor = await Predictor.load(folder, config);
      const { name } = predictor.contract;
      await predictor.release();
      const target = join(modelsDir, name);
      if (existsSync(target)) throw new UsageMistake(`${target} exists already`);
      const temporary = join(modelsDir, `.${name}.${process.pid}.tmp`);
      try {
        cpSync(folder, temporary, { recursive: true, dereference: true, errorOnExist: true });
        renameSync(temporary, target);
        // Another folder may hold a model of this name: what would stop the next start is taken away again.
        await Predictors.load(config).then(
          (predictors) => predictors.release(),
          (cause: unknown) => {
            rmSync(target, { recursive: true });
            throw cause;
          },
        );
      } finally {
        rmSync(temporary, { recursive: true, force: true });
      }
      print(target);
    },
  },
};
