import { certificates } from './certificates.ts'
import { check } from './check.ts'
import type { Command } from './command.ts'
import { dev } from './dev.ts'
import { doctor } from './doctor.ts'
import { explain } from './explain.ts'
import { maintenance } from './maintenance.ts'
import { migrate } from './migrate.ts'
import { purge } from './purge.ts'
import { reload } from './reload.ts'
import { roles } from './roles.ts'
import { run } from './run.ts'
import { status } from './status.ts'
import { webhooks } from './webhooks.ts'
import { upgrade } from './upgrade.ts'

/** Every command, in the order of `--help`. */
export const commands: readonly Command[] = [
  dev,
  run,
  check,
  doctor,
  status,
  reload,
  upgrade,
  maintenance,
  webhooks,
  purge,
  certificates,
  explain,
  migrate,
  ...roles,
]
