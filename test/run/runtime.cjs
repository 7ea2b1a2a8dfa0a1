const { dirname, sep } = require('node:path');
const { default: Runtime } = require('jest-runtime');

const testFolder = dirname(dirname(module.filename)) + sep;
/** Packages of Jest that keep the tests of one file. */
const ofOneFile = [`${sep}node_modules${sep}jest-circus${sep}`, `${sep}node_modules${sep}source-map-support${sep}`];

/** The runtime of the test file that runs: a process runs one at a time. */
let current;
const modules = new Map();
const jestModules = new Map();
const esModules = new Map();
const links = new WeakMap();
const sourceMaps = new Map();

/** Packages, Node's own modules and `mlapi/` keep no state of a test; the files of `test/` may, and Jest's functions belong to one file. */
const isShared = (path) =>
  !path.startsWith(testFolder) && path !== '@jest/globals' && !ofOneFile.some((folder) => path.includes(folder));

/** Modules by path: the shared ones, and those of one test file. */
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
 * Jest loads all that a test file imports anew for each file: for a test of the service that takes longer than most tests do. Here the
 * files of one process share what they import of packages and `mlapi/`, as the parts of a service do. The sandbox is shared, too:
 * `environment.cjs`.
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

  /** A test file that puts something in a module's place has modules of its own from then on. */
  setModuleMock(...words) {
    this._esmoduleRegistry = new Map();
    super.setModuleMock(...words);
  }

  teardown() {
    // Stack traces of the next file may lead through what this one loaded.
    this._sourceMapRegistry = new Map();
    super.teardown();
  }

  // A shared module imports and requires by the runtime that loaded it, whose test file may be done.
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
