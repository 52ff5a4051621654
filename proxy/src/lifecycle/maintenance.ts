import { join } from 'node:path'
import { readIfThere, removeIfThere, syncFolder, writeWhole } from '../certificates/whole-file.ts'
import type { Config } from '../config.ts'
import { ChannelClosed, codeOf, InMaintenance, MaintenanceConfigured, MaintenanceUnwritten } from '../errors.ts'
import { edgeChannel } from '../events.ts'
import {
  RETRY_AFTER_S,
  viewMaintenance,
  type MaintenanceOrder,
  type MaintenanceSwitch,
  type MaintenanceView,
} from '../maintenance.ts'
import { parseObject } from '../store/parse-object.ts'
import type { CallHandlers, Channel } from './channel.ts'

/** Maintenance: BLOT_MAINTENANCE, or a switch that is a file of this machine. The file is the truth; workers are told of it. */

type Where = Pick<Config, 'dataDirectory' | 'maintenance'>

/** The manager's part, which turns the switch. */
export type MaintenanceManager = {
  view(): Promise<MaintenanceView>
  /** Resolves when it is on disk and every worker knows. Rejects with EDGE_ERR_MAINTENANCE_UNWRITTEN, or EDGE_ERR_MAINTENANCE_CONFIGURED. */
  set(order: MaintenanceOrder): Promise<MaintenanceView>
  /** Tells workers what is on disk: the manager before this one may not have lived to do so, or not have known of them. */
  tell(): void
}

const MAX_BYTES = 16 * 1024

export function openMaintenanceManager(config: Where, channel: Channel): MaintenanceManager {
  let setting = Promise.resolve()

  /** Workers that start meanwhile read the file before they serve. */
  async function tellWorkers(switched: MaintenanceSwitch | undefined): Promise<void> {
    try {
      await channel.call('worker', 'useMaintenance', { switched: switched ?? null })
    } catch (error) {
      if (codeOf(error) !== new ChannelClosed('').code) throw error
    }
  }

  async function turn(order: MaintenanceOrder): Promise<MaintenanceView> {
    const switched = await writeSwitch(config, order)
    await tellWorkers(switched)
    if (!order.on && config.maintenance) throw new MaintenanceConfigured()
    return viewMaintenance(config.maintenance, switched)
  }

  return {
    view: async () => viewMaintenance(config.maintenance, await readSwitch(config)),
    set(order) {
      // One after the other: what is told last is what is on disk.
      const turned = setting.then(() => turn(order))
      setting = turned.then(ignore, ignore)
      return turned
    },
    tell: () => void readSwitch(config).then(tellWorkers).catch(ignore),
  }
}

/** The worker's part. */
export type WorkerMaintenance = {
  /** Why the app may not be asked now, if it may not. */
  closed(): InMaintenance | undefined
  /** Catches up with what was switched before this worker was told of it. */
  refresh(): Promise<void>
}

export async function openWorkerMaintenance(config: Where, handlers: CallHandlers): Promise<WorkerMaintenance> {
  let told = 0
  let reason: InMaintenance | undefined
  const use = (switched: MaintenanceSwitch | undefined): void => {
    const { on, retryAfter = RETRY_AFTER_S, message } = viewMaintenance(config.maintenance, switched)
    reason = on ? new InMaintenance({ retryAfterS: retryAfter, message }) : undefined
  }
  handlers.useMaintenance = ({ switched }) => {
    told++
    use(switched ?? undefined)
    return Promise.resolve(null)
  }
  async function refresh(): Promise<void> {
    const before = told
    const switched = await readSwitch(config)
    if (told === before) use(switched)
  }
  await refresh()
  return { closed: () => reason, refresh }
}

/** What the switch says; undefined while it is off. One that cannot be read is on: somebody has switched it. */
export async function readSwitch({
  dataDirectory,
}: Pick<Where, 'dataDirectory'>): Promise<MaintenanceSwitch | undefined> {
  try {
    const text = await readIfThere(fileIn(dataDirectory), MAX_BYTES)
    if (text === undefined) return undefined
    return parseSwitch(parseObject(text) ?? {})
  } catch (error) {
    edgeChannel('fault').publish({ area: 'lifecycle', message: 'maintenance switch cannot be read', error })
    return parseSwitch({})
  }
}

/** Switched on again, it keeps its time. Rejects with EDGE_ERR_MAINTENANCE_UNWRITTEN. */
export async function writeSwitch(
  { dataDirectory }: Pick<Where, 'dataDirectory'>,
  order: MaintenanceOrder,
): Promise<MaintenanceSwitch | undefined> {
  const file = fileIn(dataDirectory)
  try {
    if (!order.on) {
      if (await removeIfThere(file)) await syncFolder(dataDirectory)
      return undefined
    }
    const before = await readSwitch({ dataDirectory })
    const since = before?.since ?? new Date().toISOString()
    const switched = { since, retryAfterS: order.retryAfterS, message: order.message }
    await writeWhole(file, JSON.stringify(switched), 0o600)
    return switched
  } catch (error) {
    throw new MaintenanceUnwritten(codeOf(error), { cause: error })
  }
}

function parseSwitch({ since, retryAfterS, message }: Readonly<Record<string, unknown>>): MaintenanceSwitch {
  return {
    since: typeof since === 'string' ? since : new Date().toISOString(),
    retryAfterS: typeof retryAfterS === 'number' ? retryAfterS : RETRY_AFTER_S,
    message: typeof message === 'string' ? message : undefined,
  }
}

function fileIn(dataDirectory: string): string {
  return join(dataDirectory, 'maintenance.json')
}

function ignore(): void {}
