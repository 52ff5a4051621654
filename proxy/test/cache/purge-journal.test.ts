import { appendFileSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { openPurgeJournal, readPurgeJournal, type JournalEntry } from '../../src/cache/purge-journal.ts'
import { fromFields } from '../../src/purge.ts'

const entryOf = (number: number, host = `${number}.test`): JournalEntry => ({
  number,
  origin: number % 2 === 0 ? 'here' : 'elsewhere',
  purge: fromFields({ hosts: [host], soft: true }),
})

const numbersOf = ({ entries }: { entries: readonly JournalEntry[] }): number[] => entries.map(({ number }) => number)

/** Opens a journal, appends so many purges one by one, closes it. @returns the number of the last. */
async function append(directory: string, count: number, segmentBytes?: number): Promise<number> {
  const journal = await openPurgeJournal(directory, segmentBytes)
  let number = journal.kept.entries.at(-1)?.number ?? journal.kept.after
  for (let index = 0; index < count; index += 1) await journal.append([entryOf(++number)])
  await journal.close()
  return number
}

const segments = (directory: string): string[] => readdirSync(directory).toSorted()

await t.test('what is appended is there after a restart, and others read it meanwhile', async (t) => {
  const directory = join(t.testdir(), 'purges')
  t.same(await readPurgeJournal(directory), { after: 0, entries: [] }, 'nothing yet')
  const before = Date.now() * 1000
  const journal = await openPurgeJournal(directory)
  const { after, entries } = journal.kept
  t.ok(after >= before, 'numbers begin with the time')
  t.same(entries, [])
  const all = [entryOf(after + 1), entryOf(after + 2), entryOf(after + 3)]
  await journal.append(all.slice(0, 2))
  t.same(await readPurgeJournal(directory), { after, entries: all.slice(0, 2) })
  await journal.append(all.slice(2))
  await journal.close()
  const again = await openPurgeJournal(directory)
  t.same(again.kept, { after, entries: all })
  await again.close()
  t.equal(statSync(join(directory, segments(directory)[0] ?? '')).mode & 0o777, 0o600)
})

await t.test('a line that a crash tore is cut off, and the numbers go on', async (t) => {
  const directory = t.testdir()
  const last = await append(directory, 3)
  const file = join(directory, segments(directory)[0] ?? '')
  for (const bytes of [1, 10]) {
    truncateSync(file, statSync(file).size - bytes)
    t.same(numbersOf(await readPurgeJournal(directory)).at(-1), last - 1)
    t.equal(await append(directory, 1), last)
    t.same(numbersOf(await readPurgeJournal(directory)), [last - 2, last - 1, last])
  }
  appendFileSync(file, 'äöü"number":')
  t.equal(await append(directory, 1), last + 1)
  t.equal(numbersOf(await readPurgeJournal(directory)).length, 4)
})

await t.test('behind a damaged line the sequence begins anew: nothing from before it is vouched for', async (t) => {
  const directory = t.testdir()
  const last = await append(directory, 3)
  const file = join(directory, segments(directory)[0] ?? '')
  writeFileSync(file, readFileSync(file, 'utf8').replace(`"number":${last},`, `"number":x,`))
  const journal = await openPurgeJournal(directory)
  t.ok(journal.kept.after > last)
  t.same(journal.kept.entries, [])
  const { after } = journal.kept
  await journal.append([entryOf(after + 1)])
  await journal.close()
  t.same(await readPurgeJournal(directory), { after, entries: [entryOf(after + 1)] })
})

await t.test('it is bounded: the oldest segment goes', async (t) => {
  const directory = t.testdir()
  const last = await append(directory, 100, 1000)
  t.equal(segments(directory).length, 2)
  const kept = await readPurgeJournal(directory)
  const numbers = numbersOf(kept)
  t.equal(numbers.at(-1), last)
  t.ok(numbers.length > 10 && numbers.length < 100)
  t.equal(kept.after, (numbers[0] ?? 0) - 1)
  t.equal(await append(directory, 1, 1000), last + 1, 'a restart goes on')
})
