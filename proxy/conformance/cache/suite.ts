import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * The public suite by which caches are compared (https://cache-tests.fyi, BSD-3-Clause). It is no dependency: its package asks for a
 * whole npm beside what is needed, which is a few modules without dependencies.
 */
const PACKAGE = 'http-cache-tests@0.4.5'
const INTEGRITY = 'sha512-DjuwN9nUZXLTW+wav1LRESCZNVxl8SshwOy4z1pxuWbWt5/ay6sM9QQ1lebBaDO6P1IMBoK6mdf+PuVP/QNL8A=='
const FOLDER = join(import.meta.dirname, '../../../node_modules/.cache/http-cache-tests')

export type SuiteTest = {
  readonly id: string
  readonly name: string
  /** A requirement, an optimisation, or a question without a right answer; a requirement when it does not say. */
  readonly kind?: 'required' | 'optimal' | 'check'
  readonly depends_on?: readonly string[]
  readonly browser_only?: boolean
}
export type Suite = { readonly name: string; readonly id: string; readonly tests: readonly SuiteTest[] }

/** Brings the suite, checked against its known hash. @returns the folder of its modules. */
export function fetchSuite(): string {
  const folder = join(FOLDER, 'package')
  if (existsSync(folder)) return folder
  const arriving = `${FOLDER}.${process.pid}`
  mkdirSync(arriving, { recursive: true })
  try {
    const { stdout } = run('npm', ['pack', '--silent', PACKAGE], arriving)
    const archive = join(arriving, stdout.trim())
    const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`
    if (found !== INTEGRITY) throw new Error(`${PACKAGE} is not what it was: ${found}`)
    run('tar', ['-xzf', archive], arriving)
    rmSync(FOLDER, { recursive: true, force: true })
    renameSync(arriving, FOLDER)
  } finally {
    rmSync(arriving, { recursive: true, force: true })
  }
  return folder
}

export async function loadSuites(folder: string): Promise<readonly Suite[]> {
  const module = (await import(pathToFileURL(join(folder, 'tests/index.mjs')).href)) as { default: readonly Suite[] }
  return module.default
}

function run(command: string, args: readonly string[], cwd: string): { stdout: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stderr}`)
  return { stdout }
}
