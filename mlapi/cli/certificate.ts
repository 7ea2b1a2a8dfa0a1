import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import forge from 'node-forge';
import { print, UsageError, type Command } from '../commands/command.ts';

const modulusBits = 3_072;
const dayMs = 86_400_000;

export const certificateCommands: Readonly<Record<string, Command>> = {
  certificate: {
    usage: 'certificate [--host NAME ...] [--out FOLDER] [--days N]',
    help: 'make a self-signed certificate and its key, for development',
    options: {
      host: { type: 'string', multiple: true },
      out: { type: 'string', default: 'var/tls' },
      days: { type: 'string', default: '90' },
    },
    run: ({ options, words }) => {
      const { host, out } = options as { host?: string[]; out: string };
      const hosts = host ?? ['localhost', '127.0.0.1', '::1'];
      const days = Number(options.days);
      if (words.length > 0) throw new UsageError('expected options only');
      if (!hosts.every(isHost)) throw new UsageError('--host takes a DNS name or an address');
      if (!Number.isInteger(days) || days < 1 || days > 825) throw new UsageError('--days takes 1 to 825');
      const files = [join(out, 'certificate.pem'), join(out, 'key.pem')] as const;
      const taken = files.find((file) => existsSync(file));
      if (taken !== undefined) throw new UsageError(`${taken} exists already`);
      const { certificate, key } = makeCertificate(hosts, days);
      mkdirSync(out, { recursive: true, mode: 0o700 });
      writeFileSync(files[0], certificate, { flag: 'wx' });
      writeFileSync(files[1], key, { mode: 0o600, flag: 'wx' });
      print(files.join('\n'));
      return Promise.resolve();
    },
  },
};

/** RFC 1123 name, or a wildcard for one label; a common name has at most 64 characters. */
function isHost(host: string): boolean {
  const labels = (host.startsWith('*.') ? host.slice(2) : host).split('.');
  const isName = labels.every((label) => /^[A-Za-z0-9-]{1,63}$/.test(label)) && !labels[0]!.startsWith('-');
  return isIP(host) > 0 || (isName && host.length <= 64);
}

/** Makes a self-signed server certificate for DNS names and addresses, PEM, SHA-256 with 3072-bit RSA. */
export function makeCertificate(hosts: readonly string[], days: number): { certificate: string; key: string } {
  const { publicKey, privateKey } = forge.pki.rsa.generateKeyPair({ bits: modulusBits });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  // A positive serial number of 127 random bits (RFC 5280 section 4.1.2.2).
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  certificate.serialNumber = serial.toString('hex');
  certificate.validity.notBefore = new Date(Date.now() - 3_600_000);
  certificate.validity.notAfter = new Date(Date.now() + days * dayMs);
  const name = [{ name: 'commonName', value: hosts[0] ?? 'localhost' }];
  certificate.setSubject(name);
  certificate.setIssuer(name);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    {
      name: 'subjectAltName',
      altNames: hosts.map((host) => (isIP(host) > 0 ? { type: 7, ip: host } : { type: 2, value: host })),
    },
  ]);
  certificate.sign(privateKey, forge.md.sha256.create());
  return { certificate: forge.pki.certificateToPem(certificate), key: forge.pki.privateKeyToPem(privateKey) };
}
