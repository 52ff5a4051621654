import { spawn } from 'node:child_process'
import { text } from 'node:stream/consumers'
import type { Config } from '../config.ts'
import { ReleaseUnusable } from '../errors.ts'
import { failureOf, parseMessage } from './messages.ts'
import type { Release } from './release.ts'

export type ConfigurationQuestion = {
  /** The command and its options, as the edge was started with them. */
  readonly args: readonly string[]
  /** All of the primary's, with secrets: it is what the release has to read. */
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly directory: string
}

/** As long as a process may take to be ready: it starts a runtime, too. */
const LIMIT_MS = 60_000

/**
 * Has a release read the configuration: only it knows which variables there are in it. Rejects with ConfigInvalid and every
 * fault, or with EDGE_ERR_RELEASE_UNUSABLE where it cannot even be started.
 */
export async function askConfiguration(
  { node, argv, root }: Release,
  { args, environment, directory }: ConfigurationQuestion,
  signal: AbortSignal,
): Promise<Config> {
  const limit = AbortSignal.timeout(LIMIT_MS)
  const child = spawn(node, [...argv, 'configure', ...args], {
    // The answer comes over the channel: a configuration holds secrets.
    stdio: ['ignore', 'inherit', 'pipe', 'ipc'],
    env: environment,
    cwd: directory,
    signal: AbortSignal.any([signal, limit]),
  })
  const errors = child.stderr === null ? Promise.resolve('') : text(child.stderr).catch(() => '')
  return new Promise((resolve, reject) => {
    child.on('message', (raw) => {
      const message = parseMessage(raw)
      if (message?.type === 'configured') resolve(message.config as Config)
      if (message?.type === 'failed') reject(failureOf(message))
    })
    child.on('error', (error) => {
      const late = `it did not read the configuration within ${LIMIT_MS / 1000} s`
      reject(new ReleaseUnusable(root, limit.aborted ? late : error.message, { cause: error }))
    })
    child.on('close', (code, ended) => {
      void errors.then((said) =>
        reject(new ReleaseUnusable(root, explain(said) ?? `it ended with ${ended ?? `code ${code}`}`)),
      )
    })
  })
}

/** What a runtime says of a program that it cannot run: the line with the error, behind those that show where. */
function explain(said: string): string | undefined {
  const lines = said.split('\n').filter((line) => line.trim() !== '')
  return lines.find((line) => /^\w*Error\b/.test(line)) ?? lines.at(-1)
}
