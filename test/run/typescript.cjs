const { createHash } = require('node:crypto');
const { readFileSync } = require('node:fs');
const { transformSync, version } = require('esbuild');

const options = { loader: 'ts', format: 'esm', target: 'node20', sourcemap: 'external', sourcesContent: false };
const ownText = readFileSync(module.filename);

/** TypeScript to ECMAScript modules, for Jest: types are stripped, not checked, and Jest maps stack traces to the source. */
module.exports = {
  process(text, path) {
    // As in tsconfig.json: an import without `type` stays, even if only types of it are used.
    const tsconfigRaw = { compilerOptions: { verbatimModuleSyntax: true } };
    const { code, map } = transformSync(text, { ...options, tsconfigRaw, sourcefile: path });
    return { code, map };
  },

  getCacheKey(text, path, { instrument }) {
    const hash = createHash('sha256').update(ownText).update(version).update(`\0${path}\0${instrument}\0`);
    return hash.update(text).digest('hex');
  },
};
