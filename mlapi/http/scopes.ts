import { everyName, rangeOfName, rangeOfPrefix, unionOf, type NameRange } from './name-ranges.ts';

/** A permission, optionally limited to models: `models:predict`, `models:predict:churn`, `models:predict:churn-*`. */
const form = /^([a-z]+:[a-z]+)(?::([a-z0-9][a-z0-9._-]*)(\*?))?$/;
const maxNameLength = 64;

interface Scope {
  readonly permission: string;
  /** A model name, or a name prefix followed by `*`; undefined for all models. */
  readonly models: string | undefined;
}

/** A name must not end with punctuation; a prefix may. */
function readScope(text: string): Scope | undefined {
  const [, permission, name, star = ''] = form.exec(text) ?? [];
  if (permission === undefined) return undefined;
  if (name === undefined) return { permission, models: undefined };
  if (name.length > maxNameLength || (star === '' && /[._-]$/.test(name))) return undefined;
  return { permission, models: name + star };
}

/** Whether the text is a well-formed scope for one of these permissions. */
export function isScope(text: string, permissions: readonly string[]): boolean {
  const permission = readScope(text)?.permission;
  return permission !== undefined && permissions.includes(permission);
}

/** Whether `granted` includes `asked`: the same scope or a narrower one. */
export function covers(granted: string, asked: string): boolean {
  if (granted === asked) return true;
  const [held, wanted] = [readScope(granted), readScope(asked)];
  if (held === undefined || held.permission !== wanted?.permission) return false;
  const { models } = held;
  if (models === undefined) return true;
  return wanted.models?.startsWith(models.slice(0, -1)) === true && models.endsWith('*');
}

/** Whether these scopes hold a permission for at least one model. */
export function holdsSome(scopes: readonly string[], permission: string): boolean {
  return scopes.some((scope) => scope === permission || scope.startsWith(`${permission}:`));
}

/** Whether these scopes hold a permission for this model. */
export function holdsFor(scopes: readonly string[], permission: string, model: string): boolean {
  return scopes.includes(permission) || scopes.some((scope) => covers(scope, `${permission}:${model}`));
}

/** Returns the model names for which these scopes hold a permission, as ranges: `holdsFor` for long lists. */
export function namesHeld(scopes: readonly string[], permission: string): NameRange[] {
  const ranges = scopes.flatMap((scope) => {
    const held = readScope(scope);
    if (held?.permission !== permission) return [];
    const { models } = held;
    if (models === undefined) return [everyName];
    return [models.endsWith('*') ? rangeOfPrefix(models.slice(0, -1)) : rangeOfName(models)];
  });
  return unionOf(ranges);
}
