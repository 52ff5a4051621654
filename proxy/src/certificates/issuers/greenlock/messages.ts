import type { ChallengeType, Challenge } from '../acme/engine.ts'
import type { PublicJwk } from '../acme/jws.ts'
import type { AcmeAnswer, Directory } from '../acme/session.ts'

/** What the engine tells its thread. */
export type ToThread =
  | { readonly kind: 'order'; readonly id: number; readonly order: ThreadOrder }
  | { readonly kind: 'answer'; readonly call: number; readonly value: unknown }
  /** Why is known where the order came from. */
  | { readonly kind: 'refusal'; readonly call: number }

/** What the thread tells the engine. */
export type FromThread =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unfit'; readonly reason: string }
  | { readonly kind: 'call'; readonly id: number; readonly call: number; readonly ask: Ask }
  | { readonly kind: 'done'; readonly id: number; readonly pem: string }
  | { readonly kind: 'failed'; readonly id: number; readonly reason: string }

/** What an order in the thread has done for it: see `EngineOrder`. */
export type Ask =
  | { readonly kind: 'post'; readonly url: string; readonly payload: object | undefined }
  | { readonly kind: 'present'; readonly challenge: Challenge }
  | { readonly kind: 'settle'; readonly url: string; readonly name: string }

/** What comes of it. */
export type Replies = { post: AcmeAnswer; present: null; settle: Readonly<Record<string, unknown>> }

/** An order as it goes to the thread: the account's key and all connections stay outside. */
export type ThreadOrder = {
  readonly names: readonly string[]
  readonly csrPem: string
  readonly privateKeyJwk: object
  readonly accountJwk: PublicJwk
  readonly accountUrl: string
  readonly directoryUrl: string
  readonly directory: Directory
  readonly challengeTypes: readonly ChallengeType[]
}

export type ThreadData = {
  /** A folder that greenlock may write into, and nowhere else. */
  readonly folder: string
  readonly plugins: { readonly manager: string; readonly store: string; readonly challenge: string }
}
