import type { Log } from '../base/log.ts';
import type { Proxies } from '../http/proxies.ts';

/** A source of one extra. */
export interface ExtraSource {
  /** Name under which it is published. */
  readonly name: string;
  /**
   * An http(s) URL, or the absolute path of a file, or of a folder that holds a file of this name. A URL may hold a password
   * or a token: print `wordsOfSource`.
   */
  readonly from: string;
  /** Milliseconds between two requests. A file is read in each cycle. */
  readonly interval: number;
  /** Bytes. */
  readonly maxSize: number;
  /** SHA-256 that it must have, whatever the source says. */
  readonly sha256?: string;
  /** URL or path of a list of hashes that names it. */
  readonly sha256From?: string;
  /** Key of a minisign signature, in base64, and the URL or path of that if it is not the file's with `.minisig`. */
  readonly minisign?: { readonly key: string; readonly from?: string | undefined };
  /** Path of a file with the public keys of an OpenPGP signature, and the URL or path of that if it is not the file's with `.sig`. */
  readonly gpg?: { readonly keys: string; readonly from?: string | undefined };
}

/** What an acquisition takes from the cycle that it is a part of. */
export interface ExtrasContext {
  /** Extras that are published now, by name. */
  readonly published: Readonly<Record<string, { readonly size: number; readonly sha256: string }>>;
  /** Work folder, for new files and for what is known of each source. */
  readonly work: string;
  readonly userAgent: string;
  readonly proxies: Proxies;
  readonly now: () => Date;
  readonly log: Log;
  /** True to ask every source now, also those that are not due. */
  readonly retry?: boolean;
  /** Milliseconds for one file, where they are not the usual ones. */
  readonly patience?: { readonly idle: number; readonly total: number };
}

/** What came of one extra. */
export interface AcquiredExtra {
  readonly name: string;
  /** Its source in words, without passwords and tokens. */
  readonly source: string;
  /**
   * `new`: other bytes than those that are published, at `path`; `kept`: as published. `failed`: the source did
   * not give it; `refused`: it gave what is no such file. These two have a code and a reason, and leave what is published.
   */
  readonly outcome: 'new' | 'kept' | 'failed' | 'refused';
  readonly path?: string;
  readonly size?: number;
  readonly sha256?: string;
  readonly code?: string;
  readonly reason?: string;
  /** ISO time since when it has been failing or refused. */
  readonly since?: string;
}
