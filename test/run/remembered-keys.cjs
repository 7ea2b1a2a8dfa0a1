const { Buffer } = require('node:buffer');
const crypto = require('node:crypto');
const { setImmediate } = require('node:timers');

const { scrypt } = crypto;
const known = new Map();

/**
 * Deriving the key that seals signing keys takes 0.4 s of processor time at every start. The services of one test process share a
 * passphrase and, from their prepared folder, a salt, so the derived key is cached. Child processes derive it themselves.
 */
crypto.scrypt = (password, salt, length, options, callback) => {
  const name = JSON.stringify([password, Buffer.from(salt).toString('base64'), length, options]);
  const key = known.get(name);
  if (key !== undefined) {
    setImmediate(callback, null, Buffer.from(key));
    return;
  }
  scrypt(password, salt, length, options, (error, derived) => {
    if (error === null) known.set(name, Buffer.from(derived));
    callback(error, derived);
  });
};
