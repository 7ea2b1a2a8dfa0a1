import type { IncomingMessage } from 'node:http';
import express from 'express';
import proxyAddr from 'proxy-addr';
import type { Config } from '../config/config.ts';

type Trust = (address: string | undefined, hop: number) => boolean;

/** Believes `X-Forwarded-For` from the configured proxies only; whoever comes over the Unix socket is the local one. */
export function addressReader({
  trustProxy,
  socket,
}: Pick<Config, 'trustProxy' | 'socket'>): (request: IncomingMessage) => string | undefined {
  const isTrusted = compile(trustProxy);
  const isProxy: Trust =
    socket === undefined
      ? isTrusted
      : (address, hop) => (address === undefined && hop === 0) || isTrusted(address, hop);
  return (request) =>
    request.headers['x-forwarded-for'] === undefined ? request.socket.remoteAddress : proxyAddr(request, isProxy);
}

/** Express reads the setting: lists of subnets, names of ranges, or a number of hops. */
function compile(trustProxy: Config['trustProxy']): Trust {
  return express().set('trust proxy', trustProxy).get('trust proxy fn') as Trust;
}
