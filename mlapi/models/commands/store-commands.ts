import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { onlyWord, print, UsageError, type Commands, type Operate } from '../../commands/command.ts';
import type { CoreConfig } from '../../config/core-config.ts';
import { Problem } from '../../http/problem.ts';
import { listFolders } from '../../inference/model-registry.ts';
import type { EngineConfig } from '../../inference/serving/open-batcher.ts';
import type { Database } from '../../persistence/database.ts';
import type { ModelService } from '../catalog/model-service.ts';
import { buildModelStore } from '../open-model-store.ts';
import { aliasSchema, checkName, checkVersion } from '../schemas.ts';
import type { ModelStore } from '../serving/model-store.ts';
import type { Actor, Share } from '../types.ts';
import { receiveFolder } from '../upload/folder-import.ts';
import { mayBeRemote } from '../upload/remote-upload.ts';
import type { ModelStoreConfig } from '../variables.ts';
import { namesOf, type Names } from './model-names.ts';
import { referenceCommands } from './model-reference.ts';

const operator: Actor = { clientId: undefined, isAdministrator: true };

type Config = ModelStoreConfig & EngineConfig & Pick<CoreConfig, 'dataDir' | 'modelsDir'>;
type InStore = <T>(work: (opened: { store: ModelStore; service: ModelService }) => Promise<T>) => Promise<T>;

/** Commands for the store of the running service. */
export function modelStoreCommands(operate: Operate<Config>): Commands {
  const inStore: InStore = (work) => operate((opened) => work(openStore(opened)));
  return { ...referenceCommands, ...versionCommands(inStore) };
}

const versionCommands = (inStore: InStore): Commands => ({
  'models add': {
    usage: 'models add FOLDER [--name NAME] [--version VERSION]',
    help: 'add a model folder to the store as a version; the running service serves it at once',
    options: { name: { type: 'string' }, version: { type: 'string' } },
    run: async (given) => {
      const folder = onlyWord(given, 'folder');
      const { name, version } = { ...namesOf(folder), ...(given.options as Partial<Names>) };
      await inStore(({ service }) => add(service, folder, { name, version }));
    },
  },
  'models import': {
    usage: 'models import FOLDER',
    help: 'add every model folder in a folder to the store; rejected folders are reported, the others added',
    run: async (given) => {
      const folder = onlyWord(given, 'folder');
      const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
      let refused = 0;
      await inStore(async ({ service }) => {
        for (const { name } of folders) {
          const path = join(folder, name);
          await add(service, path, namesOf(path)).catch((cause: unknown) => {
            refused += 1;
            process.stderr.write(`${path}: ${cause instanceof Error ? cause.message : String(cause)}\n`);
          });
        }
      });
      if (refused > 0) throw new UsageError(`${refused} of ${folders.length} folders were not added`);
    },
  },
  'models alias': {
    usage: 'models alias NAME ALIAS VERSION [--canary VERSION=SHARE] [--shadow VERSION=SHARE]',
    help: 'point an alias of a stored model to a version; a share of clients to a canary, a copy of a share of requests to a shadow',
    options: { canary: { type: 'string' }, shadow: { type: 'string' } },
    run: async ({ words, options }) => {
      const [model, alias, version] = threeWords(words);
      const target = { version, canary: shareOf(options.canary), shadow: shareOf(options.shadow) };
      const { error } = aliasSchema.validate(target);
      if (error) throw new UsageError(error.message);
      await inStore(({ service }) => service.setAlias({ model, alias, ...target }, {}, operator));
    },
  },
  'models retire': {
    usage: 'models retire NAME VERSION',
    help: 'retire a version of the store for good; its name cannot be reused',
    run: async ({ words }) => {
      const [model, version, ...rest] = words;
      if (model === undefined || version === undefined || rest.length > 0)
        throw new UsageError('expected a name and a version');
      await inStore(({ service }) => service.retire({ model, version }, operator));
    },
  },
  'models stored': {
    usage: 'models stored',
    help: 'list the versions of the store, including retired ones',
    run: async () => {
      const records = await inStore(({ store }) => store.all());
      for (const { model, version, sizeBytes, retiredAt } of records)
        print([model, version, `${sizeBytes} bytes`, retiredAt === null ? 'stored' : 'retired'].join('\t'));
    },
  },
});

/** Opens the store of the running service. Names of model folders are reserved. */
function openStore({ config, database }: { readonly config: Config; readonly database: Database }) {
  const shipped = new Set(listFolders(config.modelsDir).map((folder) => namesOf(folder).name));
  // An operator with access to the database has no session to confirm.
  const confirm = () => Promise.reject(new Error('no client acts here'));
  return buildModelStore({ config, database, predictors: shipped, confirm, clock: Date.now });
}

async function add(service: ModelService, folder: string, { name, version }: Names): Promise<void> {
  if (!existsSync(join(folder, 'model.onnx')) && !(await mayBeRemote(folder)))
    throw new UsageError(`there is no model.onnx in ${folder}`);
  try {
    const named = { model: checkName(name), version: checkVersion(version) };
    const { sha256 } = await service.add(named, (into) => receiveFolder(folder, into), operator);
    print([name, version, sha256].join('\t'));
  } catch (cause) {
    throw cause instanceof Problem ? new UsageError(cause.message) : cause;
  }
}

/** Parses `2=0.1`. */
function shareOf(text: unknown): Share | null {
  if (typeof text !== 'string') return null;
  const [version = '', share = '', ...rest] = text.split('=');
  if (share.trim() === '' || rest.length > 0)
    throw new UsageError('a share is written as VERSION=SHARE, such as 2=0.1');
  return { version, share: Number(share) };
}

function threeWords(words: readonly string[]): [string, string, string] {
  const [model, alias, version, ...rest] = words;
  if (model === undefined || alias === undefined || version === undefined || rest.length > 0)
    throw new UsageError('expected a name, an alias and a version');
  return [model, alias, version];
}
