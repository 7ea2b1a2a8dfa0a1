const { chmodSync, mkdtempSync } = require('node:fs');
const { tmpdir } = require('node:os');
const { join } = require('node:path');

/** One folder for all that a run of the tests puts down: Jest ends its processes without their `exit` events. */
module.exports = () => {
  const folder = mkdtempSync(join(tmpdir(), 'mlapi-tests-'));
  // A database server runs as another user: what is in here may be reached, and not be listed.
  chmodSync(folder, 0o711);
  process.env.TMPDIR = folder;
};
