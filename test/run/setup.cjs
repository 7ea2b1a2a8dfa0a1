const { mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

/** One folder for all that a run of the tests puts down: Jest ends its processes without their `exit` events. */
module.exports = () => {
  process.env.TMPDIR = mkdtempSync(join(tmpdir(), 'mlapi-tests-'));
};
