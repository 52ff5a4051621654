import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

export const root = join(import.meta.dirname, '../../..')

export type Ran = { readonly code: number | null; readonly stdout: string; readonly stderr: string }

export type RunOptions = {
  /** The whole environment, but for PATH and where compiled code is kept. */
  environment?: Record<string, string>
  directory?: string
  /** Who runs it; only root can choose. */
  uid?: number
}

/** Runs the real command to its end. */
export async function runEdge(args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  return runProgram(join(root, 'bin/blot-edge'), args, options)
}

export async function runProgram(program: string, args: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { environment = {}, directory = root, uid } = options
  const { PATH, NODE_COMPILE_CACHE } = process.env
  const child = spawn(program, args, {
    env: { PATH, NODE_COMPILE_CACHE, ...environment },
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  })
  const ended = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve))
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  return { code, stdout, stderr }
}
