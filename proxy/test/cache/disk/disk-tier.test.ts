import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { placesIn } from '../../../src/cache/disk/places.ts'
import { createReclaimer } from '../../../src/cache/disk/reclaim.ts'
import { edgeChannel } from '../../../src/events.ts'
import { selectionOf } from '../../../src/cache/rules/vary.ts'
import { temporaryDirectory } from '../../integration/edge.ts'
import { NOW_MS, storedAs, tierIn } from './tier.ts'

const KEY = 'https://a.test/page?x=1'

await t.test('an answer comes back as it was stored', async (t) => {
  const directory = t.testdir()
  const stored = storedAs(KEY)
  await tierIn(t, directory).put(stored, Buffer.from('hello'))
  const found = tierIn(t, directory).find(KEY, [])
  t.strictSame(found?.stored, stored)
  t.equal(found?.kind === 'memory' && found.body.toString(), 'hello')
  t.equal(tierIn(t, directory).find('https://a.test/page', []), undefined)
  t.equal(statSync(join(directory, '.edge')).mode & 0o777, 0o700, 'nobody else may look')
})

await t.test('a large body stays in its file, of which it is the beginning', async (t) => {
  const directory = t.testdir()
  const body = Buffer.alloc(600_000, 'abc')
  await tierIn(t, directory).put(storedAs(KEY), body)
  const found = tierIn(t, directory).find(KEY, [])
  if (found?.kind !== 'open') throw new Error('not open')
  t.equal(found.size, body.length)
  t.ok(readFileSync(found.descriptor).subarray(0, body.length).equals(body))
  closeSync(found.descriptor)
})

await t.test('variants lie beside each other; one without Vary takes the place of all', async (t) => {
  const directory = t.testdir()
  const tier = tierIn(t, directory)
  const vary = ['accept-language']
  for (const language of ['de', 'en']) {
    const selection = selectionOf(vary, ['Accept-Language', language])
    await tier.put(storedAs(KEY, { vary, selection }), Buffer.from(language))
  }
  const bodyFor = (language: string): string | undefined => {
    const found = tier.find(KEY, ['Accept-Language', language])
    return found?.kind === 'memory' ? found.body.toString() : undefined
  }
  t.equal(bodyFor('de'), 'de')
  t.equal(bodyFor('EN'), 'en')
  t.equal(bodyFor('fr'), undefined)
  await tier.put(storedAs(KEY), Buffer.from('all'))
  t.equal(bodyFor('fr'), 'all')
  t.notOk(tier.hasVariants(KEY))
  tier.drop(storedAs(KEY))
  t.equal(bodyFor('de'), undefined, 'nor do they come back when it goes')
  const selection = selectionOf(vary, ['Accept-Language', 'de'])
  const newer = { ...storedAs(KEY).head, requestedMs: NOW_MS + 1 }
  await tier.put(storedAs(KEY, { vary, selection, head: newer }), Buffer.from('new'))
  t.equal(bodyFor('de'), 'new')
  t.ok(tier.hasVariants(KEY))
})

await t.test('a large body is read whole once, not for each part of it that is asked for', async (t) => {
  const directory = t.testdir()
  const tier = tierIn(t, directory)
  const bytes = 4_000_000
  const readBy = (find: () => unknown): number => {
    const before = bytesRead()
    find()
    return bytesRead() - before
  }
  const find = (): void => {
    const found = tier.find(KEY, [])
    if (found?.kind !== 'open') throw new Error('not open')
    closeSync(found.descriptor)
  }
  await tier.put(storedAs(KEY), Buffer.alloc(bytes, 'a'))
  t.ok(readBy(find) > bytes, 'its checksum')
  t.ok(readBy(find) < bytes / 10)
  await tier.put(storedAs(KEY), Buffer.alloc(bytes, 'b'))
  t.ok(readBy(find) > bytes, 'another file')
})

await t.test('an invalidation while a first variant is written is not forgotten', async (t) => {
  const directory = t.testdir()
  const tier = tierIn(t, directory)
  const vary = ['accept-language']
  const selection = selectionOf(vary, ['Accept-Language', 'de'])
  const writing = tier.put(storedAs(KEY, { vary, selection }), Buffer.alloc(2_000_000))
  tier.dropKey(KEY)
  await writing
  t.equal(tier.find(KEY, ['Accept-Language', 'de']), undefined)
})

await t.test('nor one while their signpost is written anew', async (t) => {
  const directory = t.testdir()
  const tier = tierIn(t, directory)
  for (let ticks = 0; ticks < 20; ticks++) {
    const key = `${KEY}&ticks=${ticks}`
    const put = (vary: string[], selection: string): Promise<void> =>
      tier.put(storedAs(key, { vary, selection }), Buffer.from('x'))
    await put(['accept'], selectionOf(['accept'], ['Accept', 'text/html']))
    const writing = put(['accept', 'accept-language'], 'another')
    // From here on its signpost is written, in steps.
    while (!existsSync(placesIn(directory).answer(key, 'another'))) await new Promise(setImmediate)
    for (let tick = 0; tick < ticks; tick++) await new Promise(setImmediate)
    tier.dropKey(key)
    await writing
    await put(['accept'], 'one more')
    t.equal(tier.find(key, ['Accept', 'text/html']), undefined, `after ${ticks} ticks`)
  }
})

await t.test('a key that is dropped takes all its variants along', async (t) => {
  const directory = t.testdir()
  let nowMs = NOW_MS + 10
  const tier = tierIn(t, directory, { now: () => nowMs })
  const vary = ['accept-language']
  const put = (language: string, requestedMs: number): Promise<void> => {
    const stored = storedAs(KEY, { vary, selection: selectionOf(vary, ['Accept-Language', language]) })
    return tier.put({ ...stored, head: { ...stored.head, requestedMs } }, Buffer.from(language))
  }
  for (const language of ['de', 'en']) await put(language, NOW_MS)
  tier.dropKey(KEY)
  nowMs += 10
  await put('de', nowMs)
  t.ok(tier.find(KEY, ['Accept-Language', 'de']), 'stored anew')
  t.equal(tier.find(KEY, ['Accept-Language', 'en']), undefined, 'from before')
})

await t.test('a file that is torn anywhere, or damaged anywhere, is a miss and is removed', async (t) => {
  for (const body of [Buffer.from('hello, world'), Buffer.alloc(2000, 'x')]) {
    const directory = t.testdir()
    const tier = tierIn(t, directory)
    const write = async (): Promise<string> => {
      await tier.put(storedAs(KEY), body)
      return onlyFile(directory)
    }
    const whole = readFileSync(await write())
    const positions = Array.from({ length: 40 }, (_, index) => Math.floor((index * (whole.length - 1)) / 39))
    for (const position of positions) {
      truncateSync(await write(), position)
      t.equal(tier.find(KEY, []), undefined, `torn at ${position}`)
      const path = await write()
      const damaged = Buffer.from(whole)
      damaged[position] = (damaged[position] ?? 0) ^ 1
      writeFileSync(path, damaged)
      t.equal(tier.find(KEY, []), undefined, `damaged at ${position}`)
      t.strictSame(filesIn(directory), [], 'removed')
    }
  }
})

await t.test('what is dropped while it is written does not come back', async (t) => {
  const directory = t.testdir()
  const tier = tierIn(t, directory)
  const stored = storedAs(KEY)
  const writing = tier.put(stored, Buffer.alloc(500_000))
  tier.drop(stored)
  await writing
  t.equal(tier.find(KEY, []), undefined)
  t.strictSame(filesIn(directory), [])
})

await t.test('of two answers written at once, the later one stays', async (t) => {
  const directory = t.testdir()
  const tier = tierIn(t, directory)
  await Promise.all([tier.put(storedAs(KEY), Buffer.alloc(900, 'a')), tier.put(storedAs(KEY), Buffer.from('b'))])
  const found = tier.find(KEY, [])
  t.equal(found?.kind === 'memory' && found.body.toString(), 'b')
})

await t.test('a disk that is full harms nobody', { skip: process.getuid?.() !== 0 && 'needs a mount' }, async (t) => {
  const directory = temporaryDirectory(t)
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', directory])
  t.teardown(() => execFileSync('umount', ['-l', directory]))
  const faults: string[] = []
  t.teardown(edgeChannel('fault').subscribe(({ message }) => faults.push(message)))
  let nowMs = 1e12
  const tier = tierIn(t, directory, { now: () => nowMs })
  await tier.put(storedAs(KEY), Buffer.from('small'))
  await tier.put(storedAs('https://a.test/large'), Buffer.alloc(500_000))
  t.equal(tier.find('https://a.test/large', []), undefined)
  t.ok(tier.find(KEY, []), 'what was there still is')
  t.strictSame(readdirSync(join(directory, '.edge/temporary')), [], 'nothing half-written stays')
  t.strictSame(faults, ['disk cache failed'])
  nowMs += 60_000
  await tier.put(storedAs('https://a.test/next'), Buffer.from('small'))
  t.ok(tier.find('https://a.test/next', []), 'it tries again after a while')
})

await t.test('a write that fails half-way harms nobody, whoever runs the tests', async (t) => {
  const directory = temporaryDirectory(t)
  const program = join(import.meta.dirname, 'write-beyond-limit.ts')
  // In blocks of 512 bytes: as a disk that is full after 64 KB of one file.
  const limited = ['-c', 'ulimit -f 128 && exec "$0" "$@"', process.execPath, program, directory]
  const found = JSON.parse(execFileSync('sh', limited, { encoding: 'utf8', env: {} })) as unknown
  t.strictSame(found, { small: true, large: false, older: false, next: true, left: [], faults: ['EFBIG', 'EFBIG'] })
})

await t.test('a folder that cannot be used is a miss', async (t) => {
  const directory = t.testdir({ '.edge': 'a file' })
  const tier = tierIn(t, directory)
  await tier.put(storedAs(KEY), Buffer.from('x'))
  t.equal(tier.find(KEY, []), undefined)
})

await t.test('killed in the middle of writes: what is found is whole', async (t) => {
  const directory = temporaryDirectory(t)
  const sizes = new Set<number>()
  for (let round = 0; round < 3; round++) {
    const writer = fork(join(import.meta.dirname, 'write-without-end.ts'), [directory], { stdio: 'ignore' })
    await once(writer, 'message')
    writer.kill('SIGKILL')
    await once(writer, 'exit')
    const tier = tierIn(t, directory)
    for (let index = 0; index < 20; index++) {
      const found = tier.find(`https://a.test/${index}`, [])
      if (found?.kind !== 'open') continue
      const body = readFileSync(found.descriptor).subarray(0, found.size)
      closeSync(found.descriptor)
      t.ok(
        body.every((byte) => byte === body[0]),
        'all of one write',
      )
      sizes.add(found.size)
    }
  }
  t.ok(sizes.size > 0, 'something had been written')
})

await t.test(
  'a worker that has written its allowance asks for room, and writes nothing until it is there',
  async (t) => {
    const directory = t.testdir()
    const room = Promise.withResolvers<void>()
    let asked = 0
    const reclaim = (): Promise<void> => {
      asked++
      return room.promise
    }
    const tier = tierIn(t, directory, { allowanceBytes: 4 * 4352, reclaim })
    for (let index = 0; index < 10; index++) await tier.put(storedAs(`https://a.test/${index}`), Buffer.alloc(500))
    t.equal(asked, 1)
    const before = filesIn(directory).length
    t.equal(before, 4, 'by what the disk gives for them: a block and an inode each')
    room.resolve()
    await room.promise
    await new Promise(setImmediate)
    await tier.put(storedAs('https://a.test/10'), Buffer.alloc(500))
    t.ok(tier.find('https://a.test/10', []))
  },
)

await t.test('the reclaimer removes what was used longest ago, down to nine tenths of the bound', async (t) => {
  const directory = t.testdir()
  const tier = tierIn(t, directory)
  const paths: string[] = []
  for (let index = 0; index < 10; index++) {
    await tier.put(storedAs(`https://a.test/${index}`), Buffer.alloc(8000))
    const path = filesIn(directory).find((candidate) => !paths.includes(candidate)) ?? ''
    paths.push(path)
    const usedS = 1_700_000_000 + index * 600
    utimesSync(path, usedS, usedS)
  }
  const size = 3 * 4096 + 256
  t.strictSame(await createReclaimer(directory, 20 * size).reclaim(), { bytes: 10 * size, removedBytes: 0, files: 10 })
  const done = await createReclaimer(directory, Math.ceil((7 * size) / 0.9)).reclaim()
  t.equal(done.bytes, 7 * size)
  t.strictSame(filesIn(directory).toSorted(), paths.slice(3).toSorted())
})

await t.test('what a killed writer left is cleaned away', async (t) => {
  const directory = t.testdir({ '.edge': { temporary: { old: 'x', new: 'y' } } })
  const old = join(directory, '.edge/temporary/old')
  utimesSync(old, 1, 1)
  await createReclaimer(directory, 1000).reclaim()
  t.strictSame(readdirSync(join(directory, '.edge/temporary')), ['new'])
})

function filesIn(directory: string): string[] {
  const answers = join(directory, '.edge/answers')
  if (!existsSync(answers)) return []
  const entries = readdirSync(answers, { recursive: true, withFileTypes: true })
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
}

function onlyFile(directory: string): string {
  const [path, ...others] = filesIn(directory)
  if (path === undefined || others.length > 0) throw new Error('there is more or less than one file')
  return path
}

/** By this process so far, from whatever it has open. */
function bytesRead(): number {
  return Number(/^rchar: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1])
}
