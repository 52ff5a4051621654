import type { FastifyInstance } from 'fastify'
import { lstatSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import type { AdminAddress } from '../config.ts'
import { AdminListenFailed, codeOf } from '../errors.ts'
import type { ListenerInfo } from './messages.ts'

/**
 * Opens EDGE_ADMIN. A Unix socket left by an edge that was killed is replaced; one that answers is not, nor is any other file.
 * @returns where it listens, or undefined for a Unix socket.
 */
export async function listenAdmin(admin: FastifyInstance, address: AdminAddress): Promise<ListenerInfo | undefined> {
  try {
    if (address.kind === 'unix') {
      if (isSocket(address.path) && !(await answers(address.path))) rmSync(address.path, { force: true })
      await admin.listen({ path: address.path })
      return undefined
    }
    await admin.listen({ host: address.address, port: address.port })
    const bound = admin.server.address()
    const port = typeof bound === 'object' && bound !== null ? bound.port : address.port
    return { name: 'admin', address: address.address, port }
  } catch (error) {
    const place = address.kind === 'unix' ? address.path : `${address.address}:${address.port}`
    throw new AdminListenFailed(place, codeOf(error), { cause: error })
  }
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
