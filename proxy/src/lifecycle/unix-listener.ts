import { chownSync, lstatSync, renameSync, rmSync } from 'node:fs'
import net, { connect } from 'node:net'
import { AdminListenFailed, codeOf } from '../errors.ts'
import type { UserIds } from './user.ts'

/** A Unix socket that this process holds open and never accepts from. */
export type UnixListener = { readonly fd: number; close(): void }

type Handle = { fd: number; close(): void }
type Binder = { _createServerHandle?(path: string, port: -1, type: -1): Handle | number }

/**
 * Binds EDGE_ADMIN=unix:…, for the user who will accept from it. A socket left by an edge that was killed is replaced; one that
 * answers is not, nor is any other file. Rejects with EDGE_ERR_ADMIN_LISTEN_FAILED.
 */
export async function bindUnixListener(path: string, user: UserIds | undefined): Promise<UnixListener> {
  const binder = net as unknown as Binder
  // libuv removes the name that it bound when it closes, also when another process goes on with the socket: it knows this one.
  const temporary = `${path}~`
  try {
    if (exists(path) && (!isSocket(path) || (await answers(path))))
      throw Object.assign(new Error(), { code: 'EADDRINUSE' })
    rmSync(temporary, { force: true })
    const handle = binder._createServerHandle?.(temporary, -1, -1)
    if (handle === undefined || typeof handle === 'number') throw new Error(`bind failed with ${handle}`)
    if (user !== undefined) chownSync(temporary, user.uid, user.gid)
    renameSync(temporary, path)
    return { fd: handle.fd, close: () => handle.close() }
  } catch (error) {
    throw new AdminListenFailed(path, codeOf(error), { cause: error })
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
