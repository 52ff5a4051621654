import { valuesOf, type Call } from '../../test/upstream/origin.ts'
import { differs, type Chapter, type Fault } from '../duty.ts'

/** An address that every proxy here is told to trust. */
const TRUSTED = '127.0.0.2'
const STRANGER = '127.0.0.1'

const CLAIMS = [
  'X-Forwarded-For: 203.0.113.7',
  'X-Forwarded-Proto: https',
  'X-Forwarded-Host: public.example',
  'X-Real-IP: 203.0.113.7',
  'Forwarded: for=203.0.113.7;proto=https',
]

export const identity: Chapter = {
  title: 'Who asks, and for whom',
  duties: [
    {
      name: 'host',
      says: '`Host` reaches the app unchanged',
      async run({ relay }) {
        const { call } = await relay({ fields: ['Host: Kept.Example:1234'] })
        return differs('Host', valuesOf(call, 'host'), ['Kept.Example:1234'])
      },
    },
    {
      name: 'forwarded-by-a-stranger',
      says: 'what a stranger says in `X-Forwarded-*`, `Forwarded` and `X-Real-IP` is replaced',
      async run({ relay }) {
        const { call } = await relay({ fields: CLAIMS, from: STRANGER })
        const believed = call.lines.find((line) => /203\.0\.113\.7|public\.example|proto: https/i.test(line))
        if (believed !== undefined) return `the app got ${believed}`
        return differs('X-Forwarded-For', valuesOf(call, 'x-forwarded-for'), [STRANGER])
      },
    },
    {
      name: 'forwarded-by-a-proxy',
      says: 'what a trusted proxy says in them is kept, and the lists are appended to',
      async run({ relay }) {
        const { call } = await relay({ fields: CLAIMS, from: TRUSTED })
        return (
          differs('X-Forwarded-For', listOf(call, 'x-forwarded-for'), ['203.0.113.7', TRUSTED]) ??
          differs('X-Forwarded-Proto', valuesOf(call, 'x-forwarded-proto'), ['https']) ??
          differs('X-Forwarded-Host', valuesOf(call, 'x-forwarded-host'), ['public.example']) ??
          differs('X-Real-IP', valuesOf(call, 'x-real-ip'), ['203.0.113.7']) ??
          names(listOf(call, 'forwarded'), ['for=203.0.113.7', `for=${TRUSTED}`])
        )
      },
    },
    {
      name: 'underscores',
      says: 'a stranger’s `X_Forwarded_For` and `X_Real_IP`, the same thing to many apps, are not believed either',
      async run({ ask, calls }) {
        await ask({ fields: ['X_Forwarded_For: 203.0.113.7', 'X_Real_IP: 203.0.113.7'] })
        const believed = calls[0]?.lines.find((line) => line.includes('203.0.113.7'))
        return believed === undefined ? undefined : `the app got ${believed}`
      },
    },
  ],
}

/** The elements of a list, on however many lines it came (RFC 9110 5.3). */
function listOf(call: Call, name: string): string[] {
  return valuesOf(call, name).flatMap((value) => value.split(',').map((element) => element.trim()))
}

function names(forwarded: readonly string[], expected: readonly string[]): Fault {
  const fors = forwarded.map((element) => element.split(';')[0]?.toLowerCase() ?? '')
  return differs('Forwarded', fors, expected)
}
