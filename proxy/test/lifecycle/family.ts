import { once } from 'node:events'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Test } from 'tap'
import { edgeChannel, type EdgeEvents } from '../../src/events.ts'
import { createGeneration, type Generation, type Surroundings } from '../../src/lifecycle/generation.ts'
import type { ProcessInfo } from '../../src/lifecycle/messages.ts'
import type { Release } from '../../src/lifecycle/release.ts'
import { createSwitchboard, type Switchboard } from '../../src/lifecycle/switchboard.ts'
import { configure } from '../config/configure.ts'

/** A release of scripted roles: real processes that do what SCRIPT says. */
export const SCRIPTED: Release = {
  root: import.meta.dirname,
  version: '0.0.0',
  node: process.execPath,
  argv: [join(import.meta.dirname, 'scripted-role.ts')],
}

/** A process has proved itself by saying anything at all. */
export async function probeScripted(_role: string, connection: Duplex): Promise<void> {
  await once(connection, 'data')
}

export function collectFaults(t: Test): EdgeEvents['fault'][] {
  const faults: EdgeEvents['fault'][] = []
  t.teardown(edgeChannel('fault').subscribe((fault) => void faults.push(fault)))
  return faults
}

/** What generations of scripted roles have in common. */
export function surroundingsOf(script = '', switchboard = createSwitchboard()): Surroundings {
  return {
    startedAt: new Date().toISOString(),
    environment: { SCRIPT: script },
    directory: '/',
    user: undefined,
    probe: probeScripted,
    switchboard,
    handlers: { farewell: () => Promise.resolve(null) },
  }
}

type FamilyOptions = { script?: string; number?: number; switchboard?: Switchboard }

/** A generation of a manager and two workers, of which nothing is started yet. */
export function createFamily(
  t: Test,
  { script = '', number = 1, switchboard = createSwitchboard() }: FamilyOptions = {},
): { generation: Generation; switchboard: Switchboard } {
  const generation = createGeneration({
    number,
    release: SCRIPTED,
    config: configure({ EDGE_WORKERS: '2' }),
    listeners: [],
    ...surroundingsOf(script, switchboard),
  })
  t.teardown(() => {
    generation.retire()
    return generation.kill()
  })
  return { generation, switchboard }
}

export async function startFamily(t: Test, options?: FamilyOptions) {
  const family = createFamily(t, options)
  await family.generation.start()
  await family.generation.lead()
  await family.generation.accept()
  return family
}

/** The process of that id that runs. */
export function running(generation: Generation, id: string): ProcessInfo | undefined {
  return generation.processes().find((process) => process.id === id && process.state === 'running')
}
