import type { Obtainer } from './obtain.ts'

/** Looks whether it is still there; its renewals are those of every certificate. */
const LOOK_MS = 10 * 60_000

/**
 * Has the certificate of `*.$BLOT_HOST` obtained, whose names are proved over DNS-01: no visitor asks for it by name.
 * @returns a function that ends it.
 */
export function keepWildcard(name: string, obtainer: Pick<Obtainer, 'obtain'>): () => void {
  const look = (): void => {
    // A failure was told by whoever met it, and is remembered as that of any other name.
    obtainer.obtain(name, { lane: 'renewal' }).catch(() => undefined)
  }
  const timer = setInterval(look, LOOK_MS)
  timer.unref()
  look()
  return () => clearInterval(timer)
}
