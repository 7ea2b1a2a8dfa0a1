import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { readConfig } from '../config/config.ts';
import { Problem } from '../http/problem.ts';
import { Predictor } from '../inference/predictor.ts';
import { Predictors } from '../inference/predictors.ts';
import { receiveFolder } from '../models/folder-import.ts';
import { checkName, checkVersion } from '../models/schemas.ts';
import type { Actor } from '../models/types.ts';
import { onlyWord, print, UsageMistake, type Command } from './command.ts';
import { namesOf, type Names } from './model-names.ts';
import { asOperator, type Operator } from './operator.ts';

const operator: Actor = { clientId: undefined, isAdministrator: true };

export const modelCommands: Readonly<Record<string, Command>> = {
  'models list': {
    usage: 'models list',
    help: 'list the models that would be served: those of the folders, then the versions of the store',
    run: async () => {
      const predictors = await Predictors.load(readConfig());
      for (const predictor of predictors.list()) {
        const { name, version, features, description } = predictor.contract;
        print([name, version, `${features.length} features`, description].join('\t'));
      }
      await predictors.release();
      const records = await asOperator(async (opened) => (await opened.models()).store.all());
      for (const { model, version, sizeBytes, retiredAt } of records)
        print([model, version, `${sizeBytes} bytes`, retiredAt === null ? 'stored' : 'retired'].join('\t'));
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
    usage: 'models add FOLDER [--name NAME] [--version VERSION]',
    help: 'add a model folder to the store as a version; the running service serves it at once',
    options: { name: { type: 'string' }, version: { type: 'string' } },
    run: async (given) => {
      const folder = onlyWord(given, 'folder');
      const { name, version } = { ...namesOf(folder), ...(given.options as Partial<Names>) };
      await asOperator((opened) => add(opened, folder, { name, version }));
    },
  },
  'models import': {
    usage: 'models import FOLDER',
    help: 'add every model folder in a folder to the store; those that are refused are named, and the others added',
    run: async (given) => {
      const folder = onlyWord(given, 'folder');
      const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
      let refused = 0;
      await asOperator(async (opened) => {
        for (const { name } of folders) {
          const path = join(folder, name);
          await add(opened, path, namesOf(path)).catch((cause: unknown) => {
            refused += 1;
            process.stderr.write(`${path}: ${cause instanceof Error ? cause.message : String(cause)}\n`);
          });
        }
      });
      if (refused > 0) throw new UsageMistake(`${refused} of ${folders.length} folders were not added`);
    },
  },
  'models alias': {
    usage: 'models alias NAME ALIAS VERSION',
    help: 'let an alias of a stored model point to a version',
    run: async ({ words }) => {
      const [model, alias, version] = threeWords(words);
      await asOperator(async (opened) => {
        await (await opened.models()).service.setAlias({ model, alias, version }, undefined, operator);
      });
    },
  },
  'models retire': {
    usage: 'models retire NAME VERSION',
    help: 'end a version of the store, for good: its name stays taken',
    run: async ({ words }) => {
      const [model, version, ...rest] = words;
      if (model === undefined || version === undefined || rest.length > 0)
        throw new UsageMistake('expected a name and a version');
      await asOperator(async (opened) => (await opened.models()).service.retire({ model, version }, operator));
    },
  },
};

async function add(opened: Operator, folder: string, { name, version }: Names): Promise<void> {
  if (!existsSync(join(folder, 'model.onnx'))) throw new UsageMistake(`there is no model.onnx in ${folder}`);
  const { service } = await opened.models();
  try {
    const named = { model: checkName(name), version: checkVersion(version) };
    const { sha256 } = await service.add(named, (into) => receiveFolder(folder, into), operator);
    print([name, version, sha256].join('\t'));
  } catch (cause) {
    throw cause instanceof Problem ? new UsageMistake(cause.message) : cause;
  }
}

function threeWords(words: readonly string[]): [string, string, string] {
  const [model, alias, version, ...rest] = words;
  if (model === undefined || alias === undefined || version === undefined || rest.length > 0)
    throw new UsageMistake('expected a name, an alias and a version');
  return [model, alias, version];
}
