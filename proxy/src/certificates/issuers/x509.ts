import type * as X509 from '@peculiar/x509'

/**
 * Loads the X.509 library when a certificate is to be made, and not before: no worker needs it, and it is large.
 * Its dependency tsyringe refuses to load without two functions that describe the parameters of constructors
 * (reflect-metadata); the library's constructors have none, which is what these say.
 */
export async function loadX509(): Promise<typeof X509> {
  const reflect: typeof Reflect & { getMetadata?: () => undefined; getOwnMetadata?: () => undefined } = Reflect
  reflect.getMetadata ??= () => undefined
  reflect.getOwnMetadata ??= () => undefined
  return import('@peculiar/x509')
}
