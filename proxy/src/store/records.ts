/**
 * Small texts under keys such as `token:<token>`, shared by all that share a store. Each backend has one implementation,
 * and what is kept in records is written once. Every method rejects with EDGE_ERR_STORE_UNAVAILABLE.
 */
export type Records = {
  read(key: string): Promise<string | undefined>
  write(key: string, text: string, ttlMs: number): Promise<void>
  /** Puts a text, with no time to live, where there is none or still `before`. @returns what is there then. */
  swap(key: string, before: string | undefined, after: string): Promise<string>
  remove(key: string): Promise<void>
  /** Those whose key begins with `prefix`; what changes meanwhile is there or not. */
  list(prefix: string): AsyncIterable<{ readonly key: string; readonly text: string }>
}
