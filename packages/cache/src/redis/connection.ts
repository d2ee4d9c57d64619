/** Where Redis (or Valkey) is: one server, a set of sentinels, or a cluster. */
export type RedisConnectionOptions =
  | {
      /** `redis://[user:password@]host:port[/database]`, or `rediss://` for TLS. */
      readonly url: string;
      /** A certificate authority beyond the system's, PEM, for `rediss://`. */
      readonly certificateAuthority?: string;
    }
  | {
      readonly host: string;
      readonly port?: number;
      readonly username?: string;
      readonly password?: string;
      readonly database?: number;
      readonly tls?: boolean;
    }
  | {
      readonly sentinels: readonly { readonly host: string; readonly port: number }[];
      /** Name of the master that the sentinels watch. */
      readonly name: string;
      readonly username?: string;
      readonly password?: string;
      readonly sentinelPassword?: string;
      readonly database?: number;
    }
  | {
      readonly cluster: readonly { readonly host: string; readonly port: number }[];
      readonly username?: string;
      readonly password?: string;
      readonly tls?: boolean;
    };
