import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { temporaryFolder } from './service.ts';

const shippedSite = 'deploy/nginx/mlapi.conf';

/** The server name of the shipped site. */
export const siteName = 'mlapi.example.com';

/** Whether a program is on the PATH; warns if not. */
export function hasProgram(name: string, what: string): boolean {
  const isHere = spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;
  if (!isHere) console.warn(`NOT RUN: ${what} (${name} is not here)`);
  return isHere;
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

export interface Certificate {
  readonly certificate: string;
  readonly key: string;
}

/** A test certificate authority and a certificate for the site: P-256, 90 days. Paths of PEM files. */
export function makeAuthority(folder = temporaryFolder()): Certificate & { authority: string } {
  const [authority, authorityKey] = [join(folder, 'ca.pem'), join(folder, 'ca-key.pem')];
  const [certificate, key, request] = ['certificate.pem', 'key.pem', 'request.pem'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const extensions = join(folder, 'extensions.cnf');
  writeFileSync(
    extensions,
    `basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n` +
      `subjectAltName=DNS:${siteName},DNS:localhost\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n`,
  );
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...curve, '-keyout', authorityKey, '-out', authority, '-days', '365', '-subj', '/CN=test');
  openssl('req', ...curve, '-keyout', key, '-out', request, '-subj', `/CN=${siteName}`);
  const signing = ['-CA', authority, '-CAkey', authorityKey, '-CAcreateserial', '-extfile', extensions];
  openssl('x509', '-req', '-in', request, '-out', certificate, '-days', '90', ...signing);
  return { authority, certificate, key };
}

function openssl(...args: string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`);
}

export interface Nginx {
  readonly httpsPort: number;
  readonly httpPort: number;
  /** The access log of nginx, one JSON object per line. */
  accessLog(): string;
  errorLog(): string;
  /** A TLS connection to the site. `from` is the local address to connect from, by which nginx counts; 127.0.0.1 by default. */
  connect(options?: { servername?: string; protocols?: string[]; from?: string }): TLSSocket;
  close(): Promise<void>;
}

/**
 * A real nginx with the shipped site in front of a service on a Unix socket. Only paths and ports are replaced; `edit` changes the
 * site's text further, to show that a test can fail.
 */
export async function startNginx(
  socket: string,
  { certificate, key }: Certificate,
  edit: (site: string) => string = (site) => site,
): Promise<Nginx> {
  const folder = temporaryFolder();
  const [httpsPort, httpPort] = [await freePort(), await freePort()];
  const accessLog = join(folder, 'access.log');
  const errorLog = join(folder, 'error.log');
  const site = readFileSync(shippedSite, 'utf8')
    .replace(/^ *listen \[::\].*\n/gm, '')
    .replace(/listen 443 /g, `listen 127.0.0.1:${httpsPort} `)
    .replace(/listen 80( default_server)?;/g, `listen 127.0.0.1:${httpPort}$1;`)
    .replaceAll('/run/mlapi/mlapi.sock', socket)
    .replaceAll('/etc/mlapi/tls/certificate.pem', certificate)
    .replaceAll('/etc/mlapi/tls/key.pem', key)
    .replaceAll('/var/log/nginx/mlapi.log', accessLog);
  writeFileSync(join(folder, 'mlapi.conf'), edit(site));
  const bodies = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  // As in Debian's nginx.conf, except for the paths.
  const main = `${process.getuid?.() === 0 ? 'user root;' : ''}
worker_processes auto;
daemon off;
pid ${folder}/pid;
error_log ${errorLog};
events { worker_connections 768; }
http { access_log off; ${bodies.join(' ')} include ${folder}/mlapi.conf; }`;
  writeFileSync(join(folder, 'nginx.conf'), main);
  const child = spawn('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder, '-e', errorLog], { stdio: 'ignore' });
  child.unref();
  const stop = () => child.kill('SIGTERM');
  process.once('exit', stop);
  const ended = once(child, 'exit').then(() => process.off('exit', stop));
  const nginx: Nginx = {
    httpsPort,
    httpPort,
    accessLog: () => readFileSync(accessLog, 'utf8'),
    errorLog: () => readFileSync(errorLog, 'utf8'),
    connect: ({ servername = siteName, protocols = ['http/1.1'], from } = {}) =>
      connectTls({
        port: httpsPort,
        host: '127.0.0.1',
        servername,
        ALPNProtocols: protocols,
        rejectUnauthorized: false,
        ...(from === undefined ? {} : { localAddress: from }),
      }),
    close: async () => {
      stop();
      await ended;
    },
  };
  await untilItListens(nginx, () => child.exitCode);
  return nginx;
}

async function untilItListens(nginx: Nginx, exitCode: () => number | null): Promise<void> {
  for (let attempt = 0; attempt < 400; attempt += 1) {
    if (exitCode() !== null) throw new Error(`nginx ended: ${nginx.errorLog()}`);
    const socket = nginx.connect();
    const isConnected = await once(socket, 'secureConnect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isConnected) return;
    await delay(25);
  }
  throw new Error(`nginx does not listen: ${nginx.errorLog()}`);
}
