/** A permission, alone or for some models: `models:predict`, `models:predict:churn`, `models:predict:churn-*`. */
const form = /^([a-z]+:[a-z]+)(?::([a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?|[a-z0-9][a-z0-9._-]{0,63}\*))?$/;

/** @returns whether it is written as a scope, of one of these permissions */
export function isScope(text: string, permissions: readonly string[]): boolean {
  const permission = form.exec(text)?.[1];
  return permission !== undefined && permissions.includes(permission);
}

/** Whether who holds `granted` may also hold `asked`: the same, or less of it. */
export function covers(granted: string, asked: string): boolean {
  if (granted === asked) return true;
  const [, permission, models] = form.exec(granted) ?? [];
  const [, askedPermission, askedModels] = form.exec(asked) ?? [];
  if (permission === undefined || permission !== askedPermission) return false;
  if (models === undefined) return true;
  return askedModels !== undefined && models.endsWith('*') && askedModels.startsWith(models.slice(0, -1));
}

/** Whether these scopes hold a permission for some models, if not for all. */
export function holdsSome(scopes: readonly string[], permission: string): boolean {
  return scopes.some((scope) => scope === permission || scope.startsWith(`${permission}:`));
}

/** Whether these scopes hold a permission for this model. */
export function holdsFor(scopes: readonly string[], permission: string, model: string): boolean {
  return scopes.includes(permission) || scopes.some((scope) => covers(scope, `${permission}:${model}`));
}
