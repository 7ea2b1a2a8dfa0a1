import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import express from 'express';
import proxyAddr from 'proxy-addr';
import type { CoreConfig } from '../../config/core-config.ts';

/** More proxies than stand in any chain. Each address that is looked at costs microseconds, and a header holds thousands. */
const maxHops = 16;

type Trust = (address: string | undefined, hop: number) => boolean;

/** Believes `X-Forwarded-For` from the configured proxies only; whoever comes over the Unix socket is the local one. */
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
    // It reads nothing else of a request.
    const list = { 'x-forwarded-for': lastHops(String(forwarded)) };
    return proxyAddr({ headers: list, socket: peer } as unknown as IncomingMessage, isProxy);
  };
}

/** The end of the list, which the nearest proxies wrote. */
function lastHops(list: string): string {
  let start = list.length;
  for (let hops = 0; hops < maxHops; hops += 1) {
    start = list.lastIndexOf(',', start - 1);
    // A comma at the start has an empty address before it. To lastIndexOf, -1 is the start, too.
    if (start <= 0) return list;
  }
  return list.slice(start + 1);
}

/** Express reads the setting: lists of subnets, names of ranges, or a number of hops. */
function compile(trustProxy: CoreConfig['trustProxy']): Trust {
  return express().set('trust proxy', trustProxy).get('trust proxy fn') as Trust;
}
/** A proxy may hand on what its client made up: only an address is taken for one. */
export function readAddress(address: string | undefined): string {
  if (address === undefined) return 'local';
  return isIP(address) === 0 ? 'unknown' : address;
}
