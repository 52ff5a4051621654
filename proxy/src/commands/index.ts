import type { Command } from './command.ts'

/** Every command, in the order of `--help`. Each is loaded where it is asked for: the primary is one of them, and stays small. */
const LOAD: Readonly<Record<string, () => Promise<Command>>> = {
  dev: async () => (await import('./dev.ts')).dev,
  run: async () => (await import('./run.ts')).run,
  check: async () => (await import('./check.ts')).check,
  doctor: async () => (await import('./doctor.ts')).doctor,
  status: async () => (await import('./status.ts')).status,
  reload: async () => (await import('./reload.ts')).reload,
  upgrade: async () => (await import('./upgrade.ts')).upgrade,
  maintenance: async () => (await import('./maintenance.ts')).maintenance,
  webhooks: async () => (await import('./webhooks.ts')).webhooks,
  purge: async () => (await import('./purge.ts')).purge,
  certificates: async () => (await import('./certificates.ts')).certificates,
  explain: async () => (await import('./explain.ts')).explain,
  migrate: async () => (await import('./migrate.ts')).migrate,
  worker: async () => (await import('./roles.ts')).worker,
  manager: async () => (await import('./roles.ts')).manager,
  configure: async () => (await import('./configure.ts')).configure,
}

/** The command of a name; all of them where none has it. */
export async function loadCommands(name?: string): Promise<readonly Command[]> {
  const load = name !== undefined && Object.hasOwn(LOAD, name) ? LOAD[name] : undefined
  return load === undefined ? Promise.all(Object.values(LOAD).map((each) => each())) : [await load()]
}
