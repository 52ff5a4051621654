import type { WebhookState, WebhookView } from '../webhooks/contracts.ts'
import type { QueueLimits } from '../webhooks/limits.ts'
import type { RedisStore } from './redis.ts'
import type { WebhookRecords } from './webhook-records.ts'

/**
 * Streams of ids say the order: one for each path that waits, and one for all that were given up. Each webhook is a hash. `sums`: how many
 * there are of each state, and of how many bytes; `paths`: how many wait; `untried`: by digest, who stands for all that are equal.
 */
const KEY = 'edge:webhook'

/** What the scripts are made of. KEYS: the prefix. ARGV[1]: the id. */
const PARTS = `
local base, id = KEYS[1], ARGV[1]
local record = base .. ':record:' .. id

local function streamOf(state, path)
  if state == 'dead' then return base .. ':dead' end
  return base .. ':waiting:' .. path
end

local function put(state, path, size)
  local place = redis.call('xadd', streamOf(state, path), '*', 'id', id)
  redis.call('hset', record, 'state', state, 'place', place)
  redis.call('hincrby', base .. ':sums', state, 1)
  redis.call('hincrby', base .. ':sums', state .. 'Bytes', size)
  if state == 'waiting' then redis.call('hincrby', base .. ':paths', path, 1) end
end

local function takeOut(key, name)
  local state, path, place, size, digest = unpack(redis.call('hmget', key, 'state', 'path', 'place', 'size', 'digest'))
  if not state then return nil end
  local stream = streamOf(state, path)
  redis.call('xdel', stream, place)
  if redis.call('xlen', stream) == 0 then redis.call('del', stream) end
  redis.call('hincrby', base .. ':sums', state, -1)
  redis.call('hincrby', base .. ':sums', state .. 'Bytes', -size)
  if state == 'waiting' then
    if redis.call('hincrby', base .. ':paths', path, -1) <= 0 then redis.call('hdel', base .. ':paths', path) end
    if redis.call('hget', base .. ':untried', digest) == name then redis.call('hdel', base .. ':untried', digest) end
  end
  return state, path, size
end

local function sum(name) return tonumber(redis.call('hget', base .. ':sums', name) or 0) end

local function hasRoom(size, most, mostBytes)
  return sum('waiting') < tonumber(most) and sum('waitingBytes') + size <= tonumber(mostBytes)
end
`

/** ARGV: id, most that wait, their bytes, path, digest, attempts, size, then fields and values. @returns the id that is kept, or nothing. */
const ADD = `${PARTS}
local most, mostBytes, path, digest, attempts, size = unpack(ARGV, 2, 7)
if redis.call('exists', record) == 1 then return id end
local equal = redis.call('hget', base .. ':untried', digest)
if attempts == '0' and equal and redis.call('exists', base .. ':record:' .. equal) == 1 then return equal end
if not hasRoom(size, most, mostBytes) then return false end
redis.call('hset', record, 'path', path, 'digest', digest, 'attempts', attempts, 'size', size, unpack(ARGV, 8))
put('waiting', path, size)
if attempts == '0' then redis.call('hset', base .. ':untried', digest, id) end
return id`

/** ARGV: id, ms. @returns the number of the try. */
const BEGIN = `${PARTS}
local state, digest = unpack(redis.call('hmget', record, 'state', 'digest'))
if state ~= 'waiting' then return false end
if redis.call('hget', base .. ':untried', digest) == id then redis.call('hdel', base .. ':untried', digest) end
redis.call('hset', record, 'triedAtMs', ARGV[2])
return redis.call('hincrby', record, 'attempts', 1)`

/** ARGV: id, error, failures to add. */
const NOTE = `${PARTS}
if redis.call('exists', record) == 0 then return 0 end
redis.call('hset', record, 'error', ARGV[2])
return redis.call('hincrby', record, 'failures', ARGV[3])`

const REMOVE = `${PARTS}
if not takeOut(record, id) then return 0 end
return redis.call('del', record)`

/** A place whose webhook is gone: somebody deleted it, or a Redis that was full. Those behind it must not wait for ever. ARGV: id, path, place. */
const FORGET = `${PARTS}
if redis.call('exists', record) == 1 or redis.call('xdel', streamOf('waiting', ARGV[2]), ARGV[3]) == 0 then return 0 end
if redis.call('hincrby', base .. ':sums', 'waiting', -1) <= 0 then redis.call('hset', base .. ':sums', 'waitingBytes', 0) end
if redis.call('hincrby', base .. ':paths', ARGV[2], -1) <= 0 then redis.call('hdel', base .. ':paths', ARGV[2]) end
return 1`

/** ARGV: id, error, ms, most that are given up, their bytes. @returns the ids of those that go for want of room. */
const BURY = `${PARTS}
if redis.call('hget', record, 'state') ~= 'waiting' then return {} end
local _, path, size = takeOut(record, id)
redis.call('hset', record, 'error', ARGV[2], 'sinceMs', ARGV[3])
put('dead', path, size)
local dropped = {}
while sum('dead') > tonumber(ARGV[4]) or sum('deadBytes') > tonumber(ARGV[5]) do
  local oldest = redis.call('xrange', base .. ':dead', '-', '+', 'COUNT', 1)[1][2][2]
  takeOut(base .. ':record:' .. oldest, oldest)
  redis.call('del', base .. ':record:' .. oldest)
  dropped[#dropped + 1] = oldest
end
return dropped`

/** ARGV: id, most that wait, their bytes, ms. */
const RETRY = `${PARTS}
local state, size = unpack(redis.call('hmget', record, 'state', 'size'))
if not state then return 'absent' end
if state == 'dead' then
  if not hasRoom(size, ARGV[2], ARGV[3]) then return 'full' end
  local _, path = takeOut(record, id)
  redis.call('hset', record, 'sinceMs', ARGV[4])
  put('waiting', path, size)
end
redis.call('hset', record, 'failures', 0)
return 'done'`

const VIEW = [
  'path',
  'state',
  'bytes',
  'acceptedAtMs',
  'sinceMs',
  'attempts',
  'failures',
  'triedAtMs',
  'error',
] as const
const PAGE = 100

/** Webhooks that all machines share. */
export function createRedisWebhooks(store: RedisStore, limits: QueueLimits): WebhookRecords {
  const run = (script: string, ...args: (string | number)[]): Promise<unknown> =>
    store.command((redis) => redis.eval(script, 1, KEY, ...args))
  const paths = async (): Promise<string[]> => store.command((redis) => redis.hkeys(`${KEY}:paths`))

  async function find(id: string): Promise<WebhookView | undefined> {
    const values = await store.command((redis) => redis.hmget(`${KEY}:record:${id}`, ...VIEW))
    return toView(id, values)
  }

  /** The first one of a path, and its place in Redis's own time. */
  async function first(path: string): Promise<{ id: string; place: string } | undefined> {
    const [entry] = await store.command((redis) => redis.xrange(`${KEY}:waiting:${path}`, '-', '+', 'COUNT', 1))
    return entry && { id: entry[1][1] ?? '', place: entry[0] }
  }

  async function next(path: string): Promise<WebhookView | undefined> {
    for (;;) {
      const found = await first(path)
      const view = found && (await find(found.id))
      if (found === undefined || view !== undefined) return view
      await run(FORGET, found.id, path, found.place)
    }
  }

  return {
    async add({ id, path, digest, attempts, ...record }) {
      const rest = Object.entries(record).flatMap(([field, value]) => (value === undefined ? [] : [field, value]))
      const { waiting, waitingBytes } = limits
      const kept = await run(ADD, id, waiting, waitingBytes, path, digest, attempts, record.content.length, ...rest)
      return typeof kept === 'string' ? kept : undefined
    },
    hasWaiting: async (path) => (await store.command((redis) => redis.hexists(`${KEY}:paths`, path))) === 1,
    paths,
    next,
    async read(id) {
      const fields = [...VIEW, 'digest', 'content']
      const values = await store.command((redis) => redis.hmget(`${KEY}:record:${id}`, ...fields))
      const view = toView(id, values)
      const [digest, content] = values.slice(VIEW.length)
      return view && { ...view, digest: digest ?? '', content: content ?? '' }
    },
    find,
    async begin(id) {
      const attempts = await run(BEGIN, id, Date.now())
      return typeof attempts === 'number' ? attempts : undefined
    },
    async note(id, { error, isFailure }) {
      await run(NOTE, id, error, isFailure ? 1 : 0)
    },
    remove: async (id) => (await run(REMOVE, id)) === 1,
    bury: async (id, error) => (await run(BURY, id, error, Date.now(), limits.dead, limits.deadBytes)) as string[],
    retry: async (id) =>
      (await run(RETRY, id, limits.waiting, limits.waitingBytes, Date.now())) as 'done' | 'absent' | 'full',
    async *list(state) {
      const streams = state === 'dead' ? [`${KEY}:dead`] : (await paths()).map((path) => `${KEY}:waiting:${path}`)
      for (const stream of streams) yield* listStream(store, stream, state)
    },
    async counts() {
      const [waiting, dead] = await store.command((redis) => redis.hmget(`${KEY}:sums`, 'waiting', 'dead'))
      const firsts = (await Promise.all((await paths()).map(first))).filter((one) => one !== undefined)
      const oldest = await Promise.all(firsts.map(({ id }) => find(id)))
      const since = oldest.flatMap((view) => view?.sinceMs ?? [])
      const oldestSinceMs = since.length === 0 ? undefined : Math.min(...since)
      return { waiting: Number(waiting ?? 0), dead: Number(dead ?? 0), oldestSinceMs }
    },
  }
}

async function* listStream(store: RedisStore, stream: string, state: WebhookState): AsyncGenerator<WebhookView> {
  let after = '-'
  for (;;) {
    const entries = await store.command((redis) => redis.xrange(stream, after, '+', 'COUNT', PAGE))
    const ids = entries.map(([, fields]) => fields[1] ?? '')
    const found = await store.command(async (redis) => {
      const pipeline = redis.pipeline()
      for (const id of ids) pipeline.hmget(`${KEY}:record:${id}`, ...VIEW)
      return pipeline.exec()
    })
    for (const [index, id] of ids.entries()) {
      const view = toView(id, (found?.[index]?.[1] ?? []) as (string | null)[])
      // One that went meanwhile, or is given up now, is listed elsewhere or not at all.
      if (view?.state === state) yield view
    }
    if (entries.length < PAGE) return
    after = behind(entries.at(-1)?.[0] ?? '')
  }
}

/** The first place behind another one, `<ms>-<count>`. */
function behind(place: string): string {
  const [ms, count] = place.split('-')
  return `${ms}-${Number(count) + 1}`
}

/** @returns undefined for a webhook that is not there. */
function toView(id: string, values: readonly (string | null)[]): WebhookView | undefined {
  const [path, state, bytes, acceptedAtMs, sinceMs, attempts, failures, triedAtMs, error] = values
  if (typeof path !== 'string' || typeof state !== 'string') return undefined
  return {
    id,
    path,
    state: state === 'dead' ? 'dead' : 'waiting',
    bytes: Number(bytes),
    acceptedAtMs: Number(acceptedAtMs),
    sinceMs: Number(sinceMs),
    attempts: Number(attempts),
    failures: Number(failures),
    triedAtMs: triedAtMs === null || triedAtMs === undefined ? undefined : Number(triedAtMs),
    error: error ?? undefined,
  }
}
