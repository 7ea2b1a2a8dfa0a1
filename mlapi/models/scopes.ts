/** Scope for managing models that other clients own. */
export const administration = 'models:admin';

/** Permissions of the model store, beside those to predict and to read. */
export const modelStoreScopes: readonly string[] = [administration, 'models:download', 'models:write'];
