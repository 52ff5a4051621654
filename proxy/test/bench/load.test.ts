import t from 'tap'
import { readResult as readH2load } from '../../bench/load/h2load.ts'
import { percentile } from '../../bench/load/load.ts'
import { readResult as readWrk } from '../../bench/load/wrk.ts'

const H2LOAD = `
finished in 2.01s, 22285.50 req/s, 222.75MB/s
requests: 4 total, 4 started, 4 done, 3 succeeded, 1 failed, 2 errored, 1 timeout
`
const LOG = '1000\t200\t5000\n1001\t200\t1000\n1002\t404\t9000\n1003\t200\t3000\n'

await t.test('h2load: what was answered as it should be, and what was not', async (t) => {
  t.match(readH2load(H2LOAD, LOG, 200), { count: 3, errors: 1 + 2 + 1, seconds: 2.01, p50Ms: 3, p99Ms: 5 })
  t.match(readH2load(H2LOAD, LOG, 404), { count: 1, errors: 3 + 2 + 1 })
  t.equal(readH2load('finished in 83.50ms, 1 req/s', LOG, 200).seconds, 0.0835)
})

await t.test('wrk: the line that our script writes', async (t) => {
  const counts = '"requests":100,"microseconds":2000000,"connect":1,"read":2,"write":3,"status":4,"timeout":5'
  const output = `Running 2s test\n\nresult {${counts},"p50":1500,"p99":9000}\n`
  t.strictSame(readWrk(output), { count: 96, errors: 15, seconds: 2, p50Ms: 1.5, p99Ms: 9 })
  t.throws(() => readWrk('unable to connect'), /no result/)
})

await t.test('percentiles of sorted values', async (t) => {
  const values = Array.from({ length: 100 }, (_, index) => index)
  t.equal(percentile(values, 0.5), 50)
  t.equal(percentile(values, 1), 99)
  t.ok(Number.isNaN(percentile([], 0.5)))
})
