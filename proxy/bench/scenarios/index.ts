import type { Scenario } from '../scenario.ts'
import { expiredCrowd } from './expired-crowd.ts'
import { appRestarts } from './app-restarts.ts'
import { flatMemory } from './flat-memory.ts'
import { handshakeScenarios } from './handshake.ts'
import { idle } from './idle-connections.ts'
import { memoryHits } from './memory-hit.ts'
import { miss } from './miss.ts'
import { namesUniformly } from './names-uniform.ts'
import { firstHandshakes } from './names.ts'
import { notModified } from './not-modified.ts'
import { onDemandScenarios } from './on-demand.ts'
import { pageFile } from './page-file.ts'
import { proxied } from './proxied.ts'
import { proxyCacheHit } from './proxy-cache-hit.ts'
import { purgeMillion } from './purge-million.ts'
import { purgeRate } from './purge-rate.ts'
import { purgeStorm } from './purge-storm.ts'
import { range } from './range.ts'
import { startMillion } from './start-million.ts'
import { redisStopped } from './redis-stopped.ts'
import { reloadUnderLoad } from './reload-under-load.ts'
import { soakScenario } from './soak.ts'
import { socketSharing } from './socket-sharing.ts'
import { startup } from './startup.ts'
import { staticFiles } from './static-file.ts'
import { storedHits } from './stored-hit.ts'
import { stored } from './stored.ts'
import { upgradeUnderLoad } from './upgrade-under-load.ts'
import { upload } from './upload.ts'
import { variants } from './variants.ts'
import { websocket } from './websocket.ts'
import { workerKilled } from './worker-killed.ts'
import { zipfMix } from './zipf-mix.ts'

/** All of them, in the order in which they run. */
export const SCENARIOS: readonly Scenario[] = [
  ...memoryHits,
  proxyCacheHit,
  ...storedHits,
  expiredCrowd,
  zipfMix,
  notModified,
  range,
  ...variants,
  purgeStorm,
  purgeMillion,
  purgeRate,
  pageFile,
  ...staticFiles,
  miss,
  ...proxied,
  upload,
  websocket,
  ...handshakeScenarios,
  ...namesUniformly,
  ...idle,
  flatMemory,
  firstHandshakes,
  stored,
  ...onDemandScenarios,
  startup,
  startMillion,
  reloadUnderLoad,
  upgradeUnderLoad,
  socketSharing,
  workerKilled,
  appRestarts,
  redisStopped,
  soakScenario,
]

/** @param names of scenarios; with a `*` at the end, of all that begin so. None: all. */
export function choose(names: readonly string[]): { scenarios: readonly Scenario[]; unknown: readonly string[] } {
  const fits = (pattern: string, { name }: Scenario): boolean =>
    pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern
  const unknown = names.filter((pattern) => !SCENARIOS.some((scenario) => fits(pattern, scenario)))
  const chosen = SCENARIOS.filter((scenario) => names.some((pattern) => fits(pattern, scenario)))
  return { scenarios: names.length === 0 ? SCENARIOS : chosen, unknown }
}
