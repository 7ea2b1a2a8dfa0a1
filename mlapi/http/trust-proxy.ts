import type { Express } from 'express';
import type { Config } from '../config/config.ts';

type Trust = (address: string | undefined, hop: number) => boolean;

/** Believes `X-Forwarded-For` from the configured proxies only; whoever comes over the Unix socket is the local one. */
export function trustProxy(
  application: Express,
  { trustProxy: trusted, socket }: Pick<Config, 'trustProxy' | 'socket'>,
): void {
  application.set('trust proxy', trusted);
  if (socket === undefined) return;
  const isTrusted = application.get('trust proxy fn') as Trust;
  application.set(
    'trust proxy',
    ((address, hop) => (address === undefined && hop === 0) || isTrusted(address, hop)) satisfies Trust,
  );
}
