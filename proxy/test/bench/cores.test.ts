import t from 'tap'
import { chooseCores, parseCores } from '../../bench/machine/cores.ts'

await t.test('lists of cores as the kernel writes them', async (t) => {
  t.strictSame(parseCores('0-3,6'), [0, 1, 2, 3, 6])
  t.strictSame(parseCores('5'), [5])
})

await t.test('the server has a core to itself, and the upstream one where there are three', async (t) => {
  t.strictSame(chooseCores('0-1'), { server: '0', load: '1', upstream: '1' })
  t.strictSame(chooseCores('2-4'), { server: '2', load: '3', upstream: '4' })
  t.strictSame(chooseCores('0,2,4,6'), { server: '0', load: '2,4', upstream: '6' })
  t.throws(() => chooseCores('0'), /two cores/)
})
