const { chmodSync, mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

/** One folder for all temporary files of a test run: Jest ends its processes without their `exit` events. */
module.exports = () => {
  const folder = mkdtempSync(join(tmpdir(), 'mlapi-tests-'));
  // A database server runs as another user, who may enter this folder but not list it.
  chmodSync(folder, 0o711);
  process.env.TMPDIR = folder;
};
