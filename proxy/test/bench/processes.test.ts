import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { coreBusyMs, cpuMsOf, memoryOf, parseCoreTicks, parseStat, sumTicks } from '../../bench/machine/processes.ts'

const STAT = '4242 (a (strange) name) S 17 4242 4242 0 -1 4194304 100 200 0 0 7 5 30 20 20 0 1 0 99 0 0'

await t.test('reads what a process has used, whatever it is called', async (t) => {
  t.strictSame(parseStat(STAT), { pid: 4242, parent: 17, ticks: 7 + 5 + 30 + 20 })
})

await t.test('adds up a process and all that descend from it, and nothing else', async (t) => {
  const processes = [
    { pid: 12, parent: 11, ticks: 100 },
    { pid: 10, parent: 1, ticks: 1 },
    { pid: 11, parent: 10, ticks: 10 },
    { pid: 20, parent: 1, ticks: 1000 },
  ]
  t.equal(sumTicks(processes, 10), 111)
  t.equal(sumTicks(processes, 11), 110)
  t.throws(() => sumTicks(processes, 99), /process 99 has ended/, 'what is gone has not used nothing')
})

await t.test('counts a core as busy with everything but idling and waiting', async (t) => {
  const stat = 'cpu  1 1 1 1 1 1 1 1 0 0\ncpu0 10 20 30 9999 9999 1 2 3 0 0\ncpu1 0 0 0 5 0 0 0 0 0 0\n'
  t.equal(parseCoreTicks(stat, 0), 66)
  t.equal(parseCoreTicks(stat, 1), 0)
  t.throws(() => parseCoreTicks(stat, 2), /no core 2/)
})

/** Burns CPU in a child that it waits for, then in itself, says so, and waits. */
const BURNER = `
const { spawnSync } = require('node:child_process')
const burn = "const end = process.cpuUsage().user + 200_000; while (process.cpuUsage().user < end);"
spawnSync(process.execPath, ['-e', burn])
eval(burn)
console.log('burned')
process.stdin.resume()
`

await t.test('measures a real program, with the children that it has outlived', async (t) => {
  const child = spawn(process.execPath, ['-e', BURNER], { stdio: ['pipe', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  await once(child.stdout, 'data')
  const { pid = 0 } = child
  const burnedMs = cpuMsOf(pid)
  t.ok(burnedMs >= 400, `both bursts of 200 ms are in ${burnedMs} ms`)
  t.ok(coreBusyMs(0) >= 0)
  const { residentBytes, peakBytes } = memoryOf(pid)
  t.ok(residentBytes > 10 * 2 ** 20 && peakBytes >= residentBytes, `${residentBytes} of at most ${peakBytes} bytes`)
})
