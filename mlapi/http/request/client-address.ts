import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import express from 'express';
import proxyAddr from 'proxy-addr';
import type { CoreConfig } from '../../config/core-config.ts';

/** Longer than any real chain of proxies. Checking an address costs microseconds, and a header may hold thousands. */
const maxHops = 16;

type Trust = (address: string | undefined, hop: number) => boolean;

/** Reads `X-Forwarded-For` from the configured proxies only. Peers on the Unix socket count as a local proxy. */
export function addressReader({
  trustProxy,
  socket,
}: Pick<CoreConfig, 'trustProxy' | 'socket'>): (request: IncomingMessage) => string | undefined {
  const isTrusted = compile(trustProxy);
  const isProxy: Trust =
    socket === undefined
      ? isTrusted
      : (address, hop) => (address === undefined && hop === 0) || isTrusted(address, hop);
  return ({ headers, socket: peer }) => {
    const forwarded = headers['x-forwarded-for'];
    if (forwarded === undefined) return peer.remoteAddress;
    // `proxyAddr` reads nothing else of the request.
    const list = { 'x-forwarded-for': lastHops(String(forwarded)) };
    return proxyAddr({ headers: list, socket: peer } as unknown as IncomingMessage, isProxy);
  };
}

/** Returns the last entries, which the nearest proxies wrote. */
function lastHops(list: string): string {
  let start = list.length;
  for (let hops = 0; hops < maxHops; hops += 1) {
    start = list.lastIndexOf(',', start - 1);
    // A leading comma has an empty address before it. `lastIndexOf` treats -1 as 0.
    if (start <= 0) return list;
  }
  return list.slice(start + 1);
}

/** Express parses the setting: subnets, named ranges or a number of hops. */
function compile(trustProxy: CoreConfig['trustProxy']): Trust {
  return express().set('trust proxy', trustProxy).get('trust proxy fn') as Trust;
}
/** Returns the address if it is valid: a proxy may forward any string. */
export function readAddress(address: string | undefined): string {
  if (address === undefined) return 'local';
  return isIP(address) === 0 ? 'unknown' : address;
}
