const { dirname, sep } = require('node:path');
const { default: Runtime } = require('jest-runtime');

const testFolder = dirname(dirname(module.filename)) + sep;
/** Packages of Jest that keep state per test file. */
const ofOneFile = [`${sep}node_modules${sep}jest-circus${sep}`, `${sep}node_modules${sep}source-map-support${sep}`];

/** The runtime of the current test file: a process runs one at a time. */
let current;
const modules = new Map();
const jestModules = new Map();
const esModules = new Map();
const links = new WeakMap();
const sourceMaps = new Map();

/** Shared modules: packages, Node's own and `mlapi/` keep no test state. Files of `test/` may, and Jest's functions belong to one file. */
const isShared = (path) =>
  !path.startsWith(testFolder) && path !== '@jest/globals' && !ofOneFile.some((folder) => path.includes(folder));

/** Modules by path: the shared ones and those of the current test file. */
class Registry {
  #shared;
  #own = new Map();

  constructor(shared) {
    this.#shared = shared;
  }

  has(path) {
    return this.#mapOf(path).has(path);
  }

  get(path) {
    return this.#mapOf(path).get(path);
  }

  set(path, module) {
    this.#mapOf(path).set(path, module);
  }

  delete(path) {
    this.#mapOf(path).delete(path);
  }

  clear() {
    this.#own.clear();
  }

  #mapOf(path) {
    return isShared(path) ? this.#shared : this.#own;
  }
}

/**
 * Jest reloads all imports for each test file, which takes longer than most tests of the service. Here the files of one process share
 * the packages and `mlapi/`, as the parts of a service do. They share the sandbox too: `environment.cjs`.
 */
module.exports = class SharedRuntime extends Runtime {
  constructor(...words) {
    super(...words);
    const { watch, watchAll } = words.at(-1);
    if (watch || watchAll) return;
    current = this;
    this._internalModuleRegistry = new Registry(jestModules);
    this._moduleRegistry = new Registry(modules);
    this._esmoduleRegistry = new Registry(esModules);
    this._esmModuleLinkingMap = links;
    this._sourceMapRegistry = sourceMaps;
  }

  /** A test file that replaces a module stops sharing modules from then on. */
  setModuleMock(...words) {
    this._esmoduleRegistry = new Map();
    super.setModuleMock(...words);
  }

  teardown() {
    // Stack traces of later files may lead through modules that this one loaded.
    this._sourceMapRegistry = new Map();
    super.teardown();
  }

  // A shared module imports and requires through the runtime that loaded it, whose test file may have ended.
  resolveModule(...words) {
    return this.#isDone ? current.resolveModule(...words) : super.resolveModule(...words);
  }

  linkAndEvaluateModule(module) {
    return this.#isDone ? current.linkAndEvaluateModule(module) : super.linkAndEvaluateModule(module);
  }

  requireModuleOrMock(...words) {
    return this.#isDone ? current.requireModuleOrMock(...words) : super.requireModuleOrMock(...words);
  }

  get #isDone() {
    return this.isTornDown && current !== undefined && current !== this;
  }
};
module.exports.default = module.exports;
