/** Names in paths. They are also used as file names and compared byte for byte. */
export const pathName = /^[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?$/;

/** `pathName` in words. */
export const pathNameRule = '1 to 64 lower-case letters and digits, with ".", "_" and "-" between them';

/** A name, or an empty string for the beginning of a list. */
export const nameOrNothing = /^(?:[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?)?$/;
