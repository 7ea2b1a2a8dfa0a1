/** Names in paths: they are used on every file system, too, and compared byte for byte. */
export const pathName = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;

/** The rule in words. */
export const pathNameRule = '1 to 64 lower-case letters and digits, with ".", "_" and "-" between them';

/** A name, or nothing: where a list begins. */
export const nameOrNothing = /^(?:[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?)?$/;
