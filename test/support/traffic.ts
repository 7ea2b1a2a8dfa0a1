/** The response of `GET /api/models/{name}/traffic`. */
export interface Traffic {
  readonly versions: readonly {
    readonly version: string;
    readonly role: string;
    readonly requests: Readonly<Record<string, number>>;
    readonly rows: number;
    readonly seconds: { readonly p99: number | null };
    readonly comparison?: { readonly rows: number; readonly disagreements: number; readonly share: number };
  }[];
  readonly inputs: readonly {
    readonly version: string;
    readonly rows: number;
    readonly drift: readonly { readonly name: string; readonly psi: number }[] | null;
  }[];
}
