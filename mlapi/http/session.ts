/** The authenticated caller, from a verified access token. */
export interface Session {
  readonly clientId: string;
  readonly clientName: string;
  readonly familyId: string;
  readonly scopes: readonly string[];
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}
