import * as v from 'valibot'
import { Unfit } from './kinds.ts'
import { integer } from './schema.ts'

const UNITS = { s: 1_000, m: 60_000, h: 3600_000, d: 24 * 3600_000 } as const
const limit = v.object({
  count: integer(1, 1_000_000),
  windowMs: integer(1_000, 366 * UNITS.d),
})

type Limits = Record<'orders' | 'domain' | 'set' | 'failures', v.InferOutput<typeof limit>>

/** Let's Encrypt's, as of 2026: https://letsencrypt.org/docs/rate-limits/. */
const LETS_ENCRYPT: Limits = {
  orders: { count: 300, windowMs: 3 * UNITS.h },
  domain: { count: 50, windowMs: 7 * UNITS.d },
  set: { count: 5, windowMs: 7 * UNITS.d },
  failures: { count: 5, windowMs: UNITS.h },
}

/** What a CA allows in a time: `orders=300/3h,domain=50/7d`; what is not named is as at Let's Encrypt. */
export const orderLimits = {
  schema: v.object({ orders: limit, domain: limit, set: limit, failures: limit }),
  right: 'limits such as orders=300/3h,domain=50/7d,set=5/7d,failures=5/1h (units s, m, h, d)',
  parse(text: string) {
    const limits: Limits = { ...LETS_ENCRYPT }
    for (const part of text.split(',')) {
      const [, name = '', count, length, unit = ''] = /^\s*(\w+)=(\d{1,7})\/(\d{1,4})([smhd])\s*$/.exec(part) ?? []
      if (!isName(name)) return new Unfit(`${orderLimits.right}, not ${JSON.stringify(part.trim())}`)
      limits[name] = { count: Number(count), windowMs: Number(length) * UNITS[unit as keyof typeof UNITS] }
    }
    return limits
  },
  show(limits: Limits): string {
    const names = Object.keys(LETS_ENCRYPT).filter(isName)
    return names.map((name) => `${name}=${limits[name].count}/${showTime(limits[name].windowMs)}`).join(',')
  },
}

function isName(name: string): name is keyof Limits {
  return Object.hasOwn(LETS_ENCRYPT, name)
}

function showTime(ms: number): string {
  const [unit = 's', unitMs = 1_000] = Object.entries(UNITS).findLast(([, length]) => ms % length === 0) ?? []
  return `${ms / unitMs}${unit}`
}
