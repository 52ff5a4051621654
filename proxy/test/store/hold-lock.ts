import { openFileLocker } from '../../src/store/file-locker.ts'
import { createRedisLocker } from '../../src/store/redis-locker.ts'
import { openRedis } from '../../src/store/redis.ts'

/** A process that takes a lock, says so, and holds it until it is killed. Arguments: kind, place, name, lockMs. */
const [kind, place = '', name = '', lockMs] = process.argv.slice(2)
const locker = kind === 'file' ? await openFileLocker(place) : createRedisLocker(await openRedis(place), Number(lockMs))
await locker.acquire(name, AbortSignal.timeout(10_000))
process.stdout.write('held\n')
setInterval(() => {}, 60_000)
